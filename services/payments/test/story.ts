import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId, type PaymentId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { expect } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openWorld } from '../../../tests/support/world.ts';
import { chargePayment, readPayment, refundPayment } from '../contract/payments.ts';
import { midtransWebhook } from '../contract/providers.ts';
import type { PaymentMethod, PaymentViewBody } from '../contract/schemas.ts';
import { type Notification, startWebhookRelay } from './webhook-relay.ts';

export const BCA: PaymentMethod = { type: 'bank_transfer', bank: 'bca' };
export const PERMATA: PaymentMethod = { type: 'bank_transfer', bank: 'permata' };
export const QRIS: PaymentMethod = { type: 'qris' };
export const GOPAY: PaymentMethod = { type: 'gopay' };

export type ProblemBody = { readonly code: string; readonly detail: string } & Readonly<Record<string, unknown>>;
type Simulated = Readonly<Record<string, unknown>>;

/** The payment service with the real stores and the provider's simulator, and words for what happens in the tests. */
export async function openStory(environment: Readonly<Record<string, string>> = {}) {
  const relay = await startWebhookRelay();
  const world = await openWorld({
    services: ['payments'],
    simulators: ['midtrans'],
    environment: { PUBLIC_URL: relay.url, ...environment },
  });
  relay.passTo(world.urlOf('payments'));

  const simulate = async (path: string, body?: unknown, method = 'POST'): Promise<Simulated> => {
    const answer = await fetch(`${world.midtransUrl}/simulator${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`The simulator answers ${path} with ${answer.status}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Simulated);
  };

  const story = {
    world,
    relay,
    simulate,

    /** Billing asks for money; the answer as it came. */
    charge(
      tenant: TenantRecord,
      customer: Principal,
      method: PaymentMethod,
      options: { readonly id?: PaymentId; readonly amount?: string; readonly invoiceId?: `inv_${string}` } = {},
    ) {
      const paymentId = options.id ?? newId('pay');
      const body = {
        invoiceId: options.invoiceId ?? newId('inv'),
        customerId: customer.id as UserId,
        amount: { amount: options.amount ?? '150000', currency: 'IDR' as const },
        method,
        description: 'Pro, one month',
      };
      return world.callAsService('billing', chargePayment, { params: { paymentId }, body }, tenant.id, customer.id);
    },

    async pending(tenant: TenantRecord, customer: Principal, method: PaymentMethod): Promise<PaymentViewBody> {
      const answer = await story.charge(tenant, customer, method);
      expect(answer).toMatchObject({ status: 200, body: { status: 'pending' } });
      return answer.body;
    },

    async settled(tenant: TenantRecord, customer: Principal, method: PaymentMethod): Promise<PaymentViewBody> {
      const { id } = await story.pending(tenant, customer, method);
      await simulate('/pay', { orderId: id });
      return story.becomes(customer, id, 'settled');
    },

    async read(principal: Principal, paymentId: PaymentId): Promise<PaymentViewBody> {
      const answer = await world.call(readPayment, { params: { paymentId } }, principal);
      expect(answer.status).toBe(200);
      return answer.body;
    },

    becomes: (principal: Principal, id: PaymentId, status: PaymentViewBody['status']): Promise<PaymentViewBody> =>
      eventually(async () => {
        const payment = await story.read(principal, id);
        expect(payment.status).toBe(status);
        return payment;
      }),

    refund: (principal: Principal, paymentId: PaymentId, amount?: string, idempotencyKey?: string) =>
      world.call(
        refundPayment,
        {
          params: { paymentId },
          body: {
            ...(amount === undefined ? {} : { amount: { amount, currency: 'IDR' as const } }),
            reason: 'Requested by customer',
          },
        },
        principal,
        idempotencyKey === undefined ? {} : { idempotencyKey },
      ),

    /** A notification straight to the service, as the provider would send it. */
    notify: (tenantId: TenantRecord['id'], notification: Notification) =>
      world.call(midtransWebhook, { params: { tenantId }, body: notification as never }, null),

    /** Both clocks: ours and the provider's. */
    async advance(seconds: number): Promise<void> {
      await simulate('/clock/advance', { seconds });
      world.clock.advance({ seconds });
    },

    /** What the provider has of an order: one entry per transaction. */
    async transactions(orderId: string): Promise<readonly Simulated[]> {
      const { data } = await simulate(`/transactions?orderId=${orderId}`, undefined, 'GET');
      return data as readonly Simulated[];
    },

    /** What has happened to a payment, by the types of its events. */
    async events(id: PaymentId): Promise<readonly string[]> {
      const rows = await world.sql<{ type: string }>(
        'select type from payments.events where stream_id = $1 order by version',
        [uuidOf(id)],
      );
      return rows.map(({ type }) => type);
    },

    async audited(resource: string): Promise<readonly string[]> {
      const rows = await world.sql<{ action: string }>(
        'select action from payments.audit where resource = $1 order by id',
        [resource],
      );
      return rows.map(({ action }) => action);
    },

    async close(): Promise<void> {
      await world.close();
      await relay.close();
    },
  };
  return story;
}

export type Story = Awaited<ReturnType<typeof openStory>>;
