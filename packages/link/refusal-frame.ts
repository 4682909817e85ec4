import { KIND } from './frame.ts';
import type { GatheredWriter } from './gathered-writer.ts';
import { LinkViolation } from './link-end.ts';

/** Why the answering end gave no answer. The place in the list is the number on the wire. */
const REFUSAL_REASONS = ['busy', 'too-large', 'deadline', 'cancelled', 'failed'] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export type Refusal = { readonly reason: RefusalReason; readonly mayHaveActed: boolean };

/** u8 reason, u8 whether the handler had begun. */
export function writeRefusal(
  writer: GatheredWriter,
  slot: number,
  generation: number,
  reason: RefusalReason,
  mayHaveActed: boolean,
): void {
  const at = writer.begin(KIND.refusal, slot, generation, 2);
  writer.slab[at] = REFUSAL_REASONS.indexOf(reason);
  writer.slab[at + 1] = mayHaveActed ? 1 : 0;
}

export function readRefusal(bytes: Buffer, start: number, end: number): Refusal {
  const reason = REFUSAL_REASONS[bytes[start] ?? 0];
  const begun = bytes[start + 1] ?? 0;
  if (end - start !== 2 || reason === undefined || begun > 1)
    throw new LinkViolation('malformed-frame', 'A REFUSAL without a reason that we know.');
  return { reason, mayHaveActed: begun === 1 };
}
