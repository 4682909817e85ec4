import type { EndpointRecord, InstanceRecord } from '@tenantry/mesh/registry.ts';

/** Two patterns that differ in the names of their parameters only match the same requests. */
const shapeOf = (endpoint: EndpointRecord): string =>
  `${endpoint.method} ${endpoint.path.replaceAll(/:[A-Za-z]+/g, ':')}`;

/** The first route of the newcomer that a live instance of another service answers already. */
export function findTakenRoute(
  newcomer: { readonly service: string; readonly endpoints: readonly EndpointRecord[] },
  instances: Iterable<InstanceRecord>,
): { readonly route: string; readonly service: string } | null {
  const claimed = new Set(newcomer.endpoints.map(shapeOf));
  for (const instance of instances) {
    if (instance.service === newcomer.service) continue;
    const taken = instance.endpoints.find((endpoint) => claimed.has(shapeOf(endpoint)));
    if (taken !== undefined) return { route: `${taken.method} ${taken.path}`, service: instance.service };
  }
  return null;
}
