/**
 * Who is still alive, judged by beats. Times are milliseconds of a monotonic clock: a step of the wall clock must not
 * expire anybody.
 */
export type LeaseTerms = {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
};

/** Since when expiry is suspended; null while it is not. */
export type Preservation = { readonly sinceMs: number } | null;

export type SweepVerdict = {
  readonly expired: readonly string[];
  readonly preservation: Preservation;
  readonly change: 'entered' | 'gave-up' | 'left' | null;
};

/** So many leases is self-preservation held up before it is accepted that the instances are really gone. */
export const PRESERVATION_WINDOWS = 3;
const FEWEST_FOR_PRESERVATION = 3;

/**
 * Decides whose lease is over. When more than half of all instances (and at least three) fall silent together, the
 * likely cause is the network or the hub itself, and emptying everybody's routing table would turn a hiccup into an
 * outage: then nobody is removed, for a limited time. "Together" looks one beat ahead, because leases that broke at the
 * same moment end spread over one beat, one sweep each.
 */
export function judgeLeases(
  lastBeatMs: ReadonlyMap<string, number>,
  preservation: Preservation,
  nowMs: number,
  terms: LeaseTerms,
): SweepVerdict {
  const silentFor = (ms: number): string[] =>
    [...lastBeatMs].filter(([, beatMs]) => nowMs - beatMs >= ms).map(([instanceId]) => instanceId);
  const overdue = silentFor(terms.leaseMs);
  const silent = silentFor(terms.leaseMs - terms.heartbeatMs).length;
  const isMass = silent >= FEWEST_FOR_PRESERVATION && silent * 2 > lastBeatMs.size;
  if (!isMass) return { expired: overdue, preservation: null, change: preservation === null ? null : 'left' };
  if (overdue.length === 0) return { expired: [], preservation, change: null };
  if (preservation === null) return { expired: [], preservation: { sinceMs: nowMs }, change: 'entered' };
  if (nowMs - preservation.sinceMs < PRESERVATION_WINDOWS * terms.leaseMs)
    return { expired: [], preservation, change: null };
  return { expired: overdue, preservation: null, change: 'gave-up' };
}
