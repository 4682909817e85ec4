export type Account =
  | 'accounts-receivable'
  | 'cash-clearing'
  | 'customer-credit'
  | 'refunds'
  | 'revenue'
  | 'vat-payable';

/** `normal` is the side on which the balance grows. */
export const CHART_OF_ACCOUNTS: readonly {
  readonly account: Account;
  readonly name: string;
  readonly normal: 'debit' | 'credit';
}[] = [
  { account: 'accounts-receivable', name: 'Accounts receivable', normal: 'debit' },
  { account: 'cash-clearing', name: 'Cash in clearing at the payment provider', normal: 'debit' },
  { account: 'customer-credit', name: 'Customer credit: money received that is owed back', normal: 'credit' },
  { account: 'refunds', name: 'Refunds, deducted from revenue', normal: 'debit' },
  { account: 'revenue', name: 'Revenue', normal: 'credit' },
  { account: 'vat-payable', name: 'Output VAT payable (PPN keluaran)', normal: 'credit' },
];
