import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';

/**
 * What billing keeps of a person beside an id is unreadable from then on: here at once, in other processes of billing
 * within 30 seconds. Invoices and books stay whole. It cannot be undone. Idempotent.
 */
export const erasePerson = endpoint({
  name: 'billing.erase-person',
  method: 'POST',
  path: '/internal/persons/:userId/erase',
  summary: 'Forget who a customer is',
  access: 'services',
  callers: ['users'],
  params: Closed({ userId: IdSchema('usr') }),
});
