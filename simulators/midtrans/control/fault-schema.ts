import { kind, object } from '../../shared/json-schema.ts';

const integer = (minimum: number) => ({ type: 'integer', minimum }) as const;
const text = { type: 'string' } as const;

export const FAULT_MATCH = object({
  path: text,
  method: text,
  orderId: text,
  serverKey: text,
  transactionStatus: text,
});

/** The shapes of `Fault`. */
export const FAULT_KINDS = [
  kind('delay', { delayMs: integer(0) }, ['delayMs']),
  kind(
    'error',
    {
      statusCode: { type: 'string', pattern: '^\\d{3}$' },
      statusMessage: text,
      httpStatus: { ...integer(200), maximum: 599 },
    },
    ['statusCode'],
  ),
  kind('timeout-after-success', { holdMs: integer(0) }),
  kind('connection-reset', { afterSuccess: { type: 'boolean' } }),
  kind('rate-limit'),
  kind('refund-denied'),
  kind('insufficient-balance'),
  kind('webhook-duplicate', { copies: integer(1) }, ['copies']),
  kind('webhook-reorder'),
  kind('webhook-drop'),
  kind('webhook-wrong-signature'),
  kind('webhook-delay', { seconds: integer(1) }, ['seconds']),
];
