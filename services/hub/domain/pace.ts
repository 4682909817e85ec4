import { parseInstant } from '@tenantry/kernel/instant.ts';

/**
 * How often a tenant may change its own layer. Each version is kept for good by a store that all tenants share, so this
 * bounds what one of them can fill: whatever addresses its requests come from, and at whichever hub they arrive.
 */
export const OWN_PACE = { versions: 120, windowSeconds: 3_600 };

/** The version whose age decides whether one more may follow the standing one; null while there are too few to mind. */
export const decidingVersion = (standing: number): number | null =>
  standing < OWN_PACE.versions ? null : standing - OWN_PACE.versions + 1;

/** How long to wait until the deciding version is old enough; 0 or less when it is. */
export const secondsToWait = (changedAt: string, now: Temporal.Instant): number =>
  Math.ceil(OWN_PACE.windowSeconds - now.since(parseInstant(changedAt)).total('seconds'));
