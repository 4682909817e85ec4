import type { Nats } from '@tenantry/events/nats.ts';
import type { BucketSettings } from '@tenantry/events/open-bucket.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { StateSnapshot } from '@tenantry/events/state-snapshot.ts';
import type { MeshPeer } from '../identity.ts';

/** Pushed to everybody by the hubs: which roots hold, and who is not believed any more although a root vouches for it. */
export const TRUST_BUCKET: BucketSettings = { bucket: 'mesh-trust' };
export const ROOTS_KEY = 'roots';

/** PEM. Those that hold now, and the one that will vouch next: known to all before it is used. */
export type TrustedRoots = { readonly version: number; readonly certificates: readonly string[] };

/** Kept for good: it is also the note of who did it and why. Exactly one of `serial` and `instanceId` is there. */
export type Revocation = {
  /** Of one certificate; lower-case hex. */
  readonly serial?: string;
  /** All its certificates, also those to come. */
  readonly instanceId?: string;
  readonly reason: string;
  readonly revokedAt: string;
  readonly revokedBy: string;
};

export const revocationKey = ({ serial, instanceId }: Pick<Revocation, 'serial' | 'instanceId'>): string =>
  serial === undefined ? `revoked.instance.${instanceId}` : `revoked.serial.${serial}`;

/** What this process knows of whom to believe. Answered from memory; losing the hub and NATS means "older". */
export type Trust = {
  readonly roots: () => TrustedRoots;
  readonly isRevoked: (who: Pick<MeshPeer, 'instanceId'> & { readonly serial?: string }) => boolean;
  /** Roots that came another way than by push: with a certificate. Older ones than those known change nothing. */
  readonly learn: (roots: TrustedRoots) => void;
  readonly onChange: (listener: () => void) => () => void;
  readonly close: () => Promise<void>;
};

/** Those that another process of this service has written down; none where there is no such file. For who has no NATS. */
export function rootsInSnapshot(snapshotFile: string): readonly string[] {
  const remembered = new StateSnapshot<TrustedRoots | Revocation>(snapshotFile).read() ?? [];
  const roots = remembered.find(([key]) => key === ROOTS_KEY)?.[1];
  return roots !== undefined && 'certificates' in roots ? roots.certificates : [];
}

const NONE: TrustedRoots = { version: 0, certificates: [] };

export async function openTrust(nats: Nats, options: { readonly snapshotFile?: string } = {}): Promise<Trust> {
  const state = await watchState<TrustedRoots | Revocation>(nats, { ...TRUST_BUCKET, ...options });
  const listeners = new Set<() => void>();
  let learned = NONE;
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  state.onChange(tell);
  const pushed = (): TrustedRoots => {
    const roots = state.get(ROOTS_KEY);
    return roots !== undefined && 'certificates' in roots ? roots : NONE;
  };
  const roots = (): TrustedRoots => {
    const told = pushed();
    return told.version >= learned.version ? told : learned;
  };
  return {
    roots,
    isRevoked: ({ instanceId, serial }) =>
      state.get(revocationKey({ instanceId })) !== undefined ||
      (serial !== undefined && state.get(revocationKey({ serial })) !== undefined),
    learn(given) {
      if (given.version <= roots().version) return;
      learned = given;
      tell();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => state.close(),
  };
}
