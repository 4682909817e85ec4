import type { Principal } from '@tenantry/auth/principal.ts';
import { currentTraceparent } from '@tenantry/kernel/call-context.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Change, Registered } from './records.ts';

/** So many changes of one registration wait to be told only if nothing can be told; more must not be made unseen. */
const MAX_UNHEARD = 50;

export function noteChange(
  { kind, id, onBehalfOf }: Principal,
  what: Pick<Change, 'action' | 'version' | 'changedAt' | 'fields'>,
  earlier: readonly Change[] = [],
): readonly Change[] {
  if (earlier.length >= MAX_UNHEARD)
    throw upstreamUnavailable('Too many changes of this wait to be recorded for the audit. Try again shortly.', {
      retryAfterSeconds: 5,
    });
  const principal = kind === 'service' ? `service:${id}` : id;
  const change = { eventId: newId('evt'), principal, onBehalfOf, traceparent: currentTraceparent(), ...what };
  return [...earlier, change];
}

/** Names of the fields that two versions do not have in common. */
export function changedFields<Record extends Registered>(before: Record, fields: Omit<Record, keyof Registered>) {
  const old = before as { readonly [name: string]: unknown };
  return Object.entries(fields)
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name]))
    .map(([name]) => name)
    .toSorted();
}
