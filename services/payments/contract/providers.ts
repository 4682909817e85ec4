import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, InstantSchema } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';
import { webhookRefused } from '../problems.ts';

const ProviderView = Closed({
  provider: Type.Literal('midtrans'),
  environment: Type.Union([Type.Literal('sandbox'), Type.Literal('production')]),
  /** Enough to recognise the key, never the key. */
  serverKeyHint: Type.String(),
  updatedAt: InstantSchema,
});

export const configureProvider = endpoint({
  name: 'payments.configure-provider',
  method: 'PUT',
  path: '/v1/payment-providers/midtrans',
  summary: 'Set the tenant’s Midtrans credentials',
  permission: 'payment-provider:update',
  reach: 'tenant',
  body: Closed({
    environment: Type.Union([Type.Literal('sandbox'), Type.Literal('production')]),
    serverKey: Type.String({ pattern: '^(SB-)?Mid-server-[A-Za-z0-9_-]{8,80}$' }),
  }),
  response: ProviderView,
  example: { body: { environment: 'sandbox', serverKey: 'SB-Mid-server-EXAMPLE000000000' } },
});

export const readProviders = endpoint({
  name: 'payments.read-providers',
  method: 'GET',
  path: '/v1/payment-providers',
  summary: 'The tenant’s payment providers',
  permission: 'payment-provider:read',
  reach: 'tenant',
  response: Closed({ data: Type.Array(ProviderView), nextCursor: Type.Null() }),
});

/** Midtrans adds fields without notice, so this body alone is open. Nothing in it is believed but the order id. */
export const midtransWebhook = endpoint({
  name: 'payments.midtrans-webhook',
  method: 'POST',
  path: '/v1/webhooks/midtrans/:tenantId',
  summary: 'Notifications of Midtrans, checked by their signature and then asked back',
  access: 'public',
  params: Closed({ tenantId: IdSchema('ten') }),
  body: Type.Object({
    order_id: Type.String({ minLength: 1, maxLength: 64 }),
    status_code: Type.String({ maxLength: 8 }),
    gross_amount: Type.String({ maxLength: 32 }),
    signature_key: Type.String({ maxLength: 256 }),
  }),
  response: Closed({ status: Type.Literal('ok') }),
  problems: [webhookRefused],
  example: {
    params: { tenantId: 'ten_01h455vb4pex5vsknk084sn02q' },
    body: {
      order_id: 'pay_01h455vb4pex5vsknk084sn02q',
      status_code: '200',
      gross_amount: '150000.00',
      signature_key: '00',
    },
  },
});
