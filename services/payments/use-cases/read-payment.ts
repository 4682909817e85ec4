import { mayReach, type Principal } from '@tenantry/auth/principal.ts';
import type { PaymentId } from '@tenantry/kernel/id.ts';
import type { PaymentRecord } from '../domain/payment-record.ts';
import { paymentNotFound } from '../problems.ts';
import { findPayment } from '../store/payments.ts';
import type { PaymentsReader } from '../store/tables.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/** Out of reach and missing give the same answer. */
export async function requireReadable(
  reader: PaymentsReader,
  principal: Principal,
  id: PaymentId,
): Promise<PaymentRecord> {
  const record = await findPayment(reader, id);
  if (record === null || !mayReach(principal, 'payment:read', record.customerId)) {
    throw paymentNotFound(`There is no payment ${id}.`);
  }
  return record;
}

export const readPayment =
  ({ databases }: Pick<PaymentsDeps, 'databases'>) =>
  (principal: Principal, id: PaymentId): Promise<PaymentRecord> =>
    databases.withTenant.read(principal.tenantId, (reader) => requireReadable(reader, principal, id));
