import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, InstantSchema, MoneySchema, PageOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

/** `normal` says which side makes the balance grow; `balance` is on that side. */
const AccountView = Closed({
  account: Type.String(),
  name: Type.String(),
  normal: Type.Union([Type.Literal('debit'), Type.Literal('credit')]),
  balance: MoneySchema,
});

export const listLedgerAccounts = endpoint({
  name: 'billing.list-ledger-accounts',
  method: 'GET',
  path: '/v1/ledger/accounts',
  summary: 'Accounts of the tenant’s books with their balances',
  permission: 'ledger:read',
  reach: 'tenant',
  response: Closed({ data: Type.Array(AccountView), nextCursor: Type.Null() }),
});

const EntryView = Closed({
  id: Type.String(),
  document: Type.String({ description: 'Id of the invoice, payment or refund that posted' }),
  kind: Type.String(),
  postedAt: InstantSchema,
  postings: Type.Array(
    Closed({
      account: Type.String(),
      debit: Type.Union([MoneySchema, Type.Null()]),
      credit: Type.Union([MoneySchema, Type.Null()]),
    }),
  ),
});

export const listLedgerEntries = endpoint({
  name: 'billing.list-ledger-entries',
  method: 'GET',
  path: '/v1/ledger/entries',
  summary: 'Entries of the tenant’s books, newest first',
  permission: 'ledger:read',
  reach: 'tenant',
  query: PageQuery,
  response: PageOf(EntryView),
});

export const proveLedger = endpoint({
  name: 'billing.prove-ledger',
  method: 'GET',
  path: '/v1/ledger/proof',
  summary: 'Recompute every entry from the documents and say whether the books agree',
  permission: 'ledger:read',
  reach: 'tenant',
  response: Closed({
    balanced: Type.Boolean(),
    agreesWithDocuments: Type.Boolean(),
    entries: Type.Integer(),
    documents: Type.Integer(),
    differences: Type.Array(Closed({ document: Type.String(), detail: Type.String() })),
    provedAt: InstantSchema,
  }),
});
