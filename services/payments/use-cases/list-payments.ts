import { type Principal, principalReach } from '@tenantry/auth/principal.ts';
import type { Page, PageQueryInput } from '@tenantry/contract/schemas.ts';
import { type CustomerId, uuidOf } from '@tenantry/kernel/id.ts';
import { readPageQuery, toPage } from '@tenantry/kit/paging.ts';
import type { PaymentRecord } from '../domain/payment-record.ts';
import { listPaymentRecords } from '../store/payments.ts';
import type { PaymentsDeps } from './payments-deps.ts';

export const listPayments =
  ({ databases }: Pick<PaymentsDeps, 'databases'>) =>
  async (principal: Principal, query: PageQueryInput): Promise<Page<PaymentRecord>> => {
    const { beforeUuid, limit } = readPageQuery(query);
    const customerId = principalReach(principal, 'payment:read') === 'own' ? (principal.id as CustomerId) : null;
    const records = await databases.withTenant.read(principal.tenantId, (reader) =>
      listPaymentRecords(reader, { customerId, beforeUuid, limit: limit + 1 }),
    );
    return toPage(
      records,
      limit,
      (record) => uuidOf(record.id),
      (record) => record,
    );
  };
