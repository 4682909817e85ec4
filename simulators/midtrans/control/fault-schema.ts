const integer = (minimum: number) => ({ type: 'integer', minimum }) as const;
const text = { type: 'string' } as const;

const kind = (name: string, properties: object = {}, required: readonly string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  required: ['kind', ...required],
  properties: { kind: { const: name }, ...properties },
});

/** `POST /simulator/faults`; the shapes of `ScriptedFault`. */
export const faultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['fault'],
  properties: {
    times: integer(1),
    match: {
      type: 'object',
      additionalProperties: false,
      properties: { path: text, method: text, orderId: text, serverKey: text, transactionStatus: text },
    },
    fault: {
      type: 'object',
      required: ['kind'],
      discriminator: { propertyName: 'kind' },
      oneOf: [
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
      ],
    },
  },
} as const;
