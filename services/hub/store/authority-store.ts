import type { Nats } from '@tenantry/events/nats.ts';
import { openSharedState, type SharedState } from '@tenantry/events/shared-state.ts';
import {
  type Revocation,
  ROOTS_KEY,
  revocationKey,
  TRUST_BUCKET,
  type TrustedRoots,
} from '@tenantry/mesh/identity/trust.ts';
import type { Authority } from '../domain/roots.ts';

const AUTHORITY_BUCKET = { bucket: 'mesh-authority' };
const AUTHORITY_KEY = 'authority';

/** The roots with their sealed keys, which hubs alone read; and what everybody is told of them, in a bucket of its own. */
export type AuthorityStore = {
  /** Whether roots and revocations have been read: until then nothing is decided on them. */
  readonly isWhole: () => boolean;
  readonly current: () => Authority | null;
  /** `decide` may run several times, each time on what stands; answering what it was given changes nothing. */
  readonly change: (decide: (standing: Authority | null) => Authority | null) => Promise<Authority | null>;
  /** Tells everybody, unless they have been told that or something newer. */
  readonly publish: (roots: TrustedRoots) => Promise<void>;
  readonly revocations: () => readonly Revocation[];
  /** The one that stands: who says it twice has said it once. */
  readonly revoke: (revocation: Revocation) => Promise<Revocation>;
  /** Also after a loss, when everything has to be told again. */
  readonly onChange: (listener: () => void) => void;
  readonly close: () => Promise<void>;
};

export async function openAuthorityStore(nats: Nats): Promise<AuthorityStore> {
  const authority = await openSharedState<Authority>(nats, AUTHORITY_BUCKET);
  const trust = await openSharedState<TrustedRoots | Revocation>(nats, TRUST_BUCKET);
  const listeners: (() => void)[] = [];
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  authority.onChange(tell);
  authority.onLost((known) => void refill(authority, known).finally(tell));
  // Whom nobody believed before must not be believed again because a volume was lost.
  trust.onLost((known) => void refill(trust, known).finally(tell));

  return {
    isWhole: () => authority.isWhole() && trust.isWhole(),
    current: () => authority.entries().get(AUTHORITY_KEY) ?? null,
    change: (decide) =>
      authority.change((entries) => {
        const standing = entries.get(AUTHORITY_KEY) ?? null;
        const outcome = decide(standing);
        return outcome === standing || outcome === null ? { outcome } : { key: AUTHORITY_KEY, value: outcome, outcome };
      }),
    publish: (roots) =>
      trust.change((entries) => {
        const told = entries.get(ROOTS_KEY);
        const isNews = told === undefined || !('version' in told) || told.version < roots.version;
        return isNews ? { key: ROOTS_KEY, value: roots, outcome: undefined } : { outcome: undefined };
      }),
    revocations: () => [...trust.entries().values()].filter((value): value is Revocation => 'revokedAt' in value),
    revoke: (revocation) =>
      trust.change((entries) => {
        const key = revocationKey(revocation);
        const standing = entries.get(key);
        return standing !== undefined && 'revokedAt' in standing
          ? { outcome: standing }
          : { key, value: revocation, outcome: revocation };
      }),
    onChange: (listener) => void listeners.push(listener),
    async close() {
      await authority.close();
      await trust.close();
    },
  };
}

/** Puts back what is missing; what is new in it stays. Whoever of the hubs is first does it. */
async function refill<Value>(state: SharedState<Value>, known: ReadonlyMap<string, Value>): Promise<void> {
  for (const [key, value] of known)
    await state
      .change((entries) => (entries.has(key) ? { outcome: null } : { key, value, outcome: null }))
      .catch(() => null);
}
