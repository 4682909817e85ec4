import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';

/**
 * Services that a tenant may count on: those that must be there, those that are, and those whose instances vanished
 * without having said that they would. A service whose last instances drained before they went was taken away on purpose.
 */
export function watchExpectedServices(
  discovery: Pick<Discovery, 'all' | 'onChange'>,
  required: readonly string[],
): () => readonly string[] {
  const lastSeen = new Map<string, readonly InstanceRecord[]>();
  const look = (): void => {
    const present = Map.groupBy(discovery.all(), (record) => record.service);
    for (const [service, records] of present) lastSeen.set(service, records);
    for (const [service, records] of lastSeen)
      if (!present.has(service) && records.every(({ status }) => status === 'draining')) lastSeen.delete(service);
  };
  look();
  discovery.onChange(look);
  return () => [...new Set([...required, ...lastSeen.keys()])].filter((name) => name !== 'gateway').toSorted();
}
