import type { TenantId } from '@tenantry/kernel/id.ts';
import { isShared } from '@tenantry/mesh/instance-index.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import type { HubHealth, ServiceHealth } from '../contract/health.ts';
import type { Departure } from '../store/departures.ts';
import type { Leases } from './leases.ts';
import { summarize } from './performance.ts';

type InstanceHealth = ServiceHealth['instances'][number];

export type HealthDeps = {
  readonly records: () => readonly InstanceRecord[];
  readonly departures: () => readonly Departure[];
  readonly leases: Leases;
};

/** Of every service; for a tenant only what serves it: its own instances where it has any, else those for everybody. */
export function readHealth(deps: HealthDeps, tenantId?: TenantId): HubHealth {
  const serving = tenantId === undefined ? (all: readonly InstanceRecord[]) => all : forTenant(tenantId);
  const byService = Map.groupBy(deps.records(), (record) => record.service);
  const lost = lostServices(deps.departures(), byService);
  const names = [...new Set([...byService.keys(), ...lost.keys()])].toSorted();
  return {
    selfPreservation: deps.leases.isPreserving,
    services: names.flatMap((name) => {
      const records = serving(byService.get(name) ?? []);
      const missing = (lost.get(name) ?? []).filter(
        ({ tenants }) => tenantId === undefined || tenants === null || tenants.includes(tenantId),
      );
      return records.length + missing.length === 0 ? [] : [describeService(name, records, missing, deps.leases)];
    }),
  };
}

const forTenant =
  (tenantId: TenantId) =>
  (all: readonly InstanceRecord[]): readonly InstanceRecord[] => {
    const own = all.filter((record) => record.tenants?.includes(tenantId));
    return own.some(({ status }) => status === 'up') ? own : [...own, ...all.filter(isShared)];
  };

/** Services without an instance whose last ones fell silent. One that took its leave is not expected any more. */
function lostServices(
  departures: readonly Departure[],
  present: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, readonly Departure[]> {
  const lost = new Map<string, readonly Departure[]>();
  for (const [service, gone] of Map.groupBy(departures, (departure) => departure.service)) {
    const leftAt =
      gone
        .filter(({ reason }) => reason === 'left')
        .map(({ at }) => at)
        .toSorted()
        .at(-1) ?? '';
    const expired = gone.filter(({ reason, at }) => reason === 'expired' && at > leftAt);
    if (!present.has(service) && expired.length > 0) lost.set(service, expired);
  }
  return lost;
}

function describeService(
  name: string,
  records: readonly InstanceRecord[],
  missing: readonly Departure[],
  leases: Leases,
): ServiceHealth {
  const instances = records.map((record) => describeInstance(record, leases));
  const expected = instances.filter(({ status }) => status !== 'draining');
  const up = expected.filter(({ status }) => status === 'up').length;
  const loads = records.flatMap(({ instanceId }) => leases.beatOf(instanceId)?.load ?? []);
  return {
    name,
    status: up === 0 ? 'down' : up < expected.length ? 'degraded' : 'up',
    performance: summarize(loads),
    instances,
    missing: missing.map(({ instanceId, at }) => ({ instanceId, reason: 'expired', at })),
  };
}

function describeInstance(record: InstanceRecord, leases: Leases): InstanceHealth {
  const { instanceId, url, generation, registeredAt, weight = 1, tenants = null } = record;
  const beat = leases.beatOf(instanceId);
  const load = beat?.load;
  return {
    instanceId,
    url,
    status: leases.isSilent(instanceId) ? 'silent' : record.status,
    generation,
    registeredAt,
    lastBeatAgeMs: leases.ageMs(instanceId),
    weight,
    tenants: tenants === null ? null : [...tenants],
    performance: load === undefined ? null : summarize([load]),
    eventLoopDelayP99Ms: load?.eventLoopDelayP99Ms ?? null,
    eventLoopUtilization: load?.eventLoopUtilization ?? null,
    residentBytes: load?.residentBytes ?? null,
    cpuShare: load?.cpuShare ?? null,
    dependencies: (beat?.dependencies ?? []).map((dependency) => ({ ...dependency })),
  };
}
