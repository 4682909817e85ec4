import type { Principal } from '@tenantry/auth/principal.ts';
import type { Page, PageQueryInput } from '@tenantry/contract/schemas.ts';
import { type Money, money, zero } from '@tenantry/kernel/money.ts';
import { readPageQuery, toPage } from '@tenantry/kit/paging.ts';
import { CHART_OF_ACCOUNTS } from '../domain/chart-of-accounts.ts';
import { type LedgerEntry, selectEntries, sumAccounts } from '../store/ledger.ts';
import type { BillingDeps } from './deps.ts';

export type AccountBalance = (typeof CHART_OF_ACCOUNTS)[number] & { readonly balance: Money };

/** Every account, once per currency that it was posted in; one that never was stands at zero. */
export const listLedgerAccounts =
  ({ databases, tenants }: Pick<BillingDeps, 'databases' | 'tenants'>) =>
  async (principal: Principal): Promise<readonly AccountBalance[]> => {
    const tenant = await tenants.get(principal.tenantId);
    const sums = await databases.withTenant.read(principal.tenantId, sumAccounts);
    return CHART_OF_ACCOUNTS.flatMap((account) => {
      const posted = sums.filter((row) => row.account === account.account).map((row) => row.debitBalance);
      const balances = posted.length === 0 ? [zero(tenant.currency)] : posted;
      return balances.map(({ minor, currency }) => ({
        ...account,
        balance: money(account.normal === 'debit' ? minor : -minor, currency),
      }));
    });
  };

export const listLedgerEntries =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  async <View>(
    principal: Principal,
    query: PageQueryInput,
    toView: (entry: LedgerEntry) => View,
  ): Promise<Page<View>> => {
    const { beforeUuid, limit } = readPageQuery(query);
    const entries = await databases.withTenant.read(principal.tenantId, (reader) =>
      selectEntries(reader, { beforeUuid, limit: limit + 1 }),
    );
    return toPage(entries, limit, (entry) => entry.uuid, toView);
  };
