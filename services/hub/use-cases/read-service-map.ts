import type { Edge } from '@tenantry/mesh/edge-traffic.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import type { HubHealth } from '../contract/health.ts';
import type { ServiceMap } from '../contract/service-map.ts';
import type { Leases } from './leases.ts';
import { percentiles, ratePerSecond, round, shareOf, sum } from './performance.ts';

type Reported = Edge & { readonly caller: string; readonly windowMs: number };
type Node = ServiceMap['nodes'][number];
type MapEdge = ServiceMap['edges'][number];

const MAX_TENANTS = 20;

/** Who calls whom: what every instance says of its own calls, added up per pair of services. */
export function readServiceMap(records: readonly InstanceRecord[], health: HubHealth, leases: Leases): ServiceMap {
  const reported = records.flatMap(({ instanceId, service }): Reported[] => {
    const traffic = leases.beatOf(instanceId)?.traffic;
    return (traffic?.edges ?? []).map((edge) => ({ ...edge, caller: service, windowMs: traffic?.windowMs ?? 1 }));
  });
  const edges = [...Map.groupBy(reported, ({ caller, callee }) => `${caller} ${callee}`).values()].map(addUp);
  const known = new Set(health.services.map(({ name }) => name));
  const nodes: Node[] = health.services.map(({ name, status, instances }) => ({
    service: name,
    status,
    instances: instances.length,
  }));
  for (const service of new Set(edges.map(({ callee }) => callee)))
    if (!known.has(service)) nodes.push({ service, status: 'unknown', instances: 0 });
  return {
    nodes: nodes.toSorted((a, b) => a.service.localeCompare(b.service)),
    edges: edges.toSorted((a, b) => a.caller.localeCompare(b.caller) || a.callee.localeCompare(b.callee)),
  };
}

function addUp(parts: readonly Reported[]): MapEdge {
  const [{ caller, callee } = { caller: '', callee: '' }] = parts;
  const tenants = parts.flatMap((part) => part.tenants.map((tenant) => ({ ...tenant, windowMs: part.windowMs })));
  return {
    caller,
    callee,
    ...rates(parts),
    ...percentiles(parts.map(({ latency }) => latency)),
    tenants: [...Map.groupBy(tenants, ({ tenantId }) => tenantId)]
      .map(([tenantId, own]) => ({ tenantId: tenantId as MapEdge['tenants'][number]['tenantId'], ...rates(own) }))
      .toSorted((a, b) => b.requestsPerSecond - a.requestsPerSecond)
      .slice(0, MAX_TENANTS),
  };
}

const rates = (parts: readonly { requests: number; failed: number; windowMs: number }[]) => ({
  requestsPerSecond: round(sum(parts.map(({ requests, windowMs }) => ratePerSecond(requests, windowMs)))),
  errorRate: shareOf(sum(parts.map(({ failed }) => failed)), sum(parts.map(({ requests }) => requests))),
});
