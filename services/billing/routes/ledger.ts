import { idFromUuid } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { toMoneyView } from '@tenantry/kernel/money.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import * as contract from '../contract/ledger.ts';
import type { proveLedger } from '../use-cases/prove-ledger.ts';
import type { listLedgerAccounts, listLedgerEntries } from '../use-cases/read-ledger.ts';

export type LedgerUseCases = {
  readonly listLedgerAccounts: ReturnType<typeof listLedgerAccounts>;
  readonly listLedgerEntries: ReturnType<typeof listLedgerEntries>;
  readonly proveLedger: ReturnType<typeof proveLedger>;
};

export const ledgerRoutes = (use: LedgerUseCases): readonly Route[] => [
  serve(contract.listLedgerAccounts, async ({ principal }) => ({
    data: (await use.listLedgerAccounts(principal)).map((row) => ({ ...row, balance: toMoneyView(row.balance) })),
    nextCursor: null,
  })),
  serve(contract.listLedgerEntries, ({ principal, query }) =>
    use.listLedgerEntries(principal, query, (entry) => ({
      id: idFromUuid('ent', entry.uuid),
      document: entry.document,
      kind: entry.kind,
      postedAt: formatInstant(entry.postedAt),
      postings: entry.postings.map(({ account, side, amount }) => ({
        account,
        debit: side === 'debit' ? toMoneyView(amount) : null,
        credit: side === 'credit' ? toMoneyView(amount) : null,
      })),
    })),
  ),
  serve(contract.proveLedger, async ({ principal }) => {
    const proof = await use.proveLedger(principal);
    return { ...proof, differences: [...proof.differences], provedAt: formatInstant(proof.provedAt) };
  }),
];
