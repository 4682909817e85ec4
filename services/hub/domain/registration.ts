import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { generationStale, instanceReplaced, routeTaken } from '../problems.ts';
import { findTakenRoute } from './routes-taken.ts';

/** What an instance says of itself when it registers. */
export type Announcement = Omit<InstanceRecord, 'generation' | 'registeredAt' | 'status'> & {
  readonly lastGeneration?: number | null;
};

/**
 * The record that a registration makes, or the one that stands because it is the same registration, told again.
 * Throws where the newcomer must not stand. `number` is higher than that of any change before.
 */
export function admit(
  announcement: Announcement,
  records: readonly InstanceRecord[],
  number: number,
  registeredAt: string,
): { readonly record: InstanceRecord; readonly isRepeated: boolean } {
  const { lastGeneration = null, ...announced } = announcement;
  const { instanceId, url, attempt } = announced;
  const standing = records.find((record) => record.instanceId === instanceId);
  if (standing?.attempt !== undefined && attempt !== undefined) {
    if (attempt === standing.attempt) return { record: standing, isRepeated: true };
    if (attempt < standing.attempt)
      throw generationStale(`A later registration of ${instanceId} stands, with generation ${standing.generation}.`);
  }
  const others = records.filter((record) => record.instanceId !== instanceId);
  // Whoever was here before and comes back must not push out who came after it; who is new stands where it stands.
  const successor = others.find((record) => record.url === url && record.generation > (lastGeneration ?? Infinity));
  if (successor !== undefined)
    throw instanceReplaced(`${url} belongs to ${successor.instanceId} with generation ${successor.generation} now.`);
  const taken = findTakenRoute(
    announced,
    others.filter((record) => record.url !== url),
  );
  if (taken !== null)
    throw routeTaken(`${taken.route} belongs to the service ${taken.service}. Rename it, or stop the other one.`);
  // The highest of all that anybody remembers: the bucket may have been lost and count from one again.
  const generation = Math.max(number, 1 + (lastGeneration ?? 0), ...records.map((record) => record.generation + 1));
  return { record: { ...announced, status: 'up', generation, registeredAt }, isRepeated: false };
}

/** One address, one process: whoever stands at the address of a later generation is dead, whatever its lease says. */
export function findReplaced(records: readonly InstanceRecord[]): readonly InstanceRecord[] {
  const newest = new Map<string, InstanceRecord>();
  for (const record of records) {
    const known = newest.get(record.url);
    if (known === undefined || record.generation > known.generation) newest.set(record.url, record);
  }
  return records.filter((record) => newest.get(record.url) !== record);
}
