import type { Principal } from '@tenantry/auth/principal.ts';
import type { PaymentId } from '@tenantry/kernel/id.ts';
import type { ReasonedRefund } from '../domain/payment-record.ts';
import { listRefundRecords } from '../store/payments.ts';
import type { PaymentsDeps } from './payments-deps.ts';
import { requireReadable } from './read-payment.ts';

export const listRefunds =
  ({ databases }: Pick<PaymentsDeps, 'databases'>) =>
  (principal: Principal, id: PaymentId): Promise<readonly ReasonedRefund[]> =>
    databases.withTenant.read(principal.tenantId, async (reader) => {
      await requireReadable(reader, principal, id);
      return listRefundRecords(reader, id);
    });
