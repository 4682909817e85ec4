import { formatAmount, type Money } from '@tenantry/kernel/money.ts';
import type { InvoiceEvent } from './invoice-events.ts';
import { journalOf, type Side } from './journal.ts';

type PostedEntry = {
  readonly document: string;
  readonly kind: string;
  readonly postings: readonly { readonly account: string; readonly side: Side; readonly amount: Money }[];
};

export type Difference = { readonly document: string; readonly detail: string };

const keyOf = (entry: PostedEntry): string => `${entry.document} ${entry.kind}`;

const describe = (entry: PostedEntry): string =>
  entry.postings
    .map(({ account, side, amount }) => `${side} ${account} ${formatAmount(amount)} ${amount.currency}`)
    .toSorted()
    .join(', ') || 'nothing';

/** Whether debits equal credits in every currency of an entry. */
export function isBalanced(entry: PostedEntry): boolean {
  const totals = new Map<string, bigint>();
  for (const { side, amount } of entry.postings) {
    totals.set(
      amount.currency,
      (totals.get(amount.currency) ?? 0n) + (side === 'debit' ? amount.minor : -amount.minor),
    );
  }
  return entry.postings.length > 0 && [...totals.values()].every((total) => total === 0n);
}

/** Recomputes what the documents of one invoice post and says where the books hold something else. */
export function compareWithDocuments(
  events: readonly InvoiceEvent[],
  posted: readonly PostedEntry[],
): readonly Difference[] {
  const expected = new Map(journalOf(events).entries.map((entry) => [keyOf(entry), entry]));
  const differences: Difference[] = [];
  const seen = new Set<string>();
  for (const entry of posted) {
    const key = keyOf(entry);
    const wanted = expected.get(key);
    if (wanted === undefined) {
      differences.push({ document: entry.document, detail: `${entry.kind} is posted, but no document says so` });
    } else if (seen.has(key)) {
      differences.push({ document: entry.document, detail: `${entry.kind} is posted twice` });
    } else if (describe(wanted) !== describe(entry)) {
      differences.push({
        document: entry.document,
        detail: `${entry.kind} should post ${describe(wanted)}; the books hold ${describe(entry)}`,
      });
    }
    if (!isBalanced(entry)) differences.push({ document: entry.document, detail: `${entry.kind} does not balance` });
    seen.add(key);
  }
  for (const [key, entry] of expected) {
    if (!seen.has(key)) differences.push({ document: entry.document, detail: `${entry.kind} is missing in the books` });
  }
  return differences;
}
