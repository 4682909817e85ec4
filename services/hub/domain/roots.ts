/** One root of the mesh. It is announced, then vouches for certificates, then is retired and forgotten. */
export type Root = {
  readonly id: string;
  /** PEM. */
  readonly certificate: string;
  readonly expiresAtMs: number;
  /** Its private key, sealed. */
  readonly sealedKey: string;
  readonly announcedAtMs: number;
  readonly vouchesSinceMs: number | null;
  readonly retiredAtMs: number | null;
  /** Who had it begin to vouch: an operator, or null for the schedule. */
  readonly calledBy: string | null;
};

/** As all hubs keep it, in one key of one bucket. */
export type Authority = {
  /** Grows with every change, also over a bucket that was lost. */
  readonly version: number;
  /** The oldest first; at least one that vouches and one that will. */
  readonly roots: readonly Root[];
};

export type RootPolicy = {
  /** Of what roots sign. */
  readonly certificateLifeMs: number;
  /** How long a root vouches. */
  readonly rotateEveryMs: number;
};

export type RootChange = {
  readonly nowMs: number;
  readonly makeRoot: (nowMs: number) => Root;
  /** An operator who wants the next root to vouch now. */
  readonly calledBy?: string;
};

/** When the next root may vouch: whoever holds a certificate that is still good has heard of it by then, at its renewal. */
export const mayVouchAtMs = (next: Pick<Root, 'announcedAtMs'>, { certificateLifeMs }: RootPolicy): number =>
  next.announcedAtMs + certificateLifeMs;

export const vouchingRoot = (roots: readonly Root[]): Root | undefined =>
  roots.find((root) => root.vouchesSinceMs !== null && root.retiredAtMs === null);
export const nextRoot = (roots: readonly Root[]): Root | undefined =>
  roots.find((root) => root.vouchesSinceMs === null);

/** What has to change by now; the same object when nothing has. Pure, so that two hubs at one instant decide alike. */
export function tendRoots(authority: Authority | null, policy: RootPolicy, change: RootChange): Authority | null {
  const { nowMs, makeRoot, calledBy = null } = change;
  const before = authority?.roots ?? [];
  let roots = before.filter((root) => !isForgotten(root, policy, nowMs));
  const vouching = vouchingRoot(roots);
  const next = nextRoot(roots);
  const vouch = (root: Root): Root => ({ ...root, vouchesSinceMs: nowMs, calledBy });
  if (vouching === undefined) {
    // The first there is, or everything was off for so long that all have expired: nobody holds anything older.
    const first = next ?? makeRoot(nowMs);
    roots = [...roots.filter((root) => root !== next), vouch(first)];
  } else if (
    next !== undefined &&
    nowMs >= mayVouchAtMs(next, policy) &&
    (calledBy !== null || isOver(vouching, policy, nowMs))
  ) {
    roots = roots.map((root) => {
      if (root === vouching) return { ...root, retiredAtMs: nowMs };
      return root === next ? vouch(root) : root;
    });
  }
  if (nextRoot(roots) === undefined) roots = [...roots, makeRoot(nowMs)];
  const isSame = roots.length === before.length && roots.every((root, place) => root === before[place]);
  // Also the time, so that an authority that had to begin anew is newer than what anybody remembers.
  return isSame ? authority : { version: Math.max((authority?.version ?? 0) + 1, nowMs), roots };
}

const isOver = ({ vouchesSinceMs, expiresAtMs }: Root, policy: RootPolicy, nowMs: number): boolean =>
  nowMs - (vouchesSinceMs ?? nowMs) >= policy.rotateEveryMs || expiresAtMs - nowMs <= 2 * policy.certificateLifeMs;

/** What it signed last has expired, by clocks that differ too; or it has itself. */
const isForgotten = ({ retiredAtMs, expiresAtMs }: Root, { certificateLifeMs }: RootPolicy, nowMs: number): boolean =>
  nowMs >= expiresAtMs - certificateLifeMs || (retiredAtMs !== null && nowMs - retiredAtMs >= 2 * certificateLifeMs);
