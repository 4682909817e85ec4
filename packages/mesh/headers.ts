/** The headers of calls inside the house, beside the passport. A gateway strips them from whatever comes in. */
export const DEADLINE_HEADER = 'tenantry-deadline';
export const TRACEPARENT_HEADER = 'traceparent';
export const IDEMPOTENCY_KEY_HEADER = 'idempotency-key';
/** Address of the client at the gateway, for rate limits and audit rows. */
export const CLIENT_ADDRESS_HEADER = 'tenantry-client-address';
