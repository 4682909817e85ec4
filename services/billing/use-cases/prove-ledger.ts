import type { Principal } from '@tenantry/auth/principal.ts';
import { compareWithDocuments, type Difference, isBalanced } from '../domain/prove-books.ts';
import { type LedgerEvidence, readLedgerEvidence } from '../store/ledger-evidence.ts';
import type { BillingDeps } from './deps.ts';

export type LedgerProof = {
  /** Debits equal credits in every entry and every currency. */
  readonly balanced: boolean;
  readonly agreesWithDocuments: boolean;
  readonly entries: number;
  readonly documents: number;
  readonly differences: readonly Difference[];
  readonly provedAt: Temporal.Instant;
};

const BATCH = 200;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';
/** Enough to see what is wrong; the flags tell the rest. */
const MAX_DIFFERENCES = 100;

/** Recomputes every entry from the documents and compares, some invoices at a time, so that no statement runs long. */
export const proveLedger =
  ({ databases }: Pick<BillingDeps, 'databases'>) =>
  async ({ tenantId }: Principal): Promise<LedgerProof> => {
    const differences: Difference[] = [];
    let [balanced, agrees, entries, documents] = [true, true, 0, 0];
    let after = BEFORE_ALL;
    for (;;) {
      const from = after;
      const { batch, now } = await databases.withTenant(tenantId, async (uow) => ({
        batch: await readLedgerEvidence(uow, from, BATCH),
        now: uow.now,
      }));
      for (const evidence of batch) {
        const found = examine(evidence);
        balanced &&= found.balanced;
        agrees &&= found.differences.length === 0;
        entries += evidence.entries.length;
        documents += found.documents;
        differences.push(...found.differences.slice(0, MAX_DIFFERENCES - differences.length));
      }
      const last = batch.at(-1);
      if (batch.length < BATCH || last === undefined) {
        return { balanced, agreesWithDocuments: agrees, entries, documents, differences, provedAt: now };
      }
      after = last.invoiceUuid;
    }
  };

function examine({ events, entries }: LedgerEvidence) {
  return {
    balanced: entries.every(isBalanced),
    differences: compareWithDocuments(events, entries),
    documents: events.length > 0 ? 1 : 0,
  };
}
