import type { Logger } from '@tenantry/kit/logger.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { EndpointRecord, InstanceRecord } from '@tenantry/mesh/registry.ts';
import type { Route } from '../edge/exchange.ts';
import { RouteState } from './route-state.ts';
import { compileRoutes, type RouteTable, shapeOf } from './route-table.ts';

/**
 * The routes of all services, kept in step with the registry. A service that has no instance left keeps its routes:
 * its resources have not ceased to exist, they cannot be reached (503, not 404).
 */
export class Routes {
  readonly #discovery: Discovery;
  readonly #own: readonly Route[];
  readonly #logger: Logger;
  readonly #endpoints = new Map<string, readonly EndpointRecord[]>();
  readonly #listeners: (() => void)[] = [];
  /** They outlive the tables: what is known of a route is not forgotten because another service restarts. */
  readonly #states = new WeakMap<EndpointRecord, RouteState>();
  #fingerprint = '';
  #table: RouteTable;

  constructor(discovery: Discovery, own: readonly Route[], logger: Logger) {
    this.#discovery = discovery;
    this.#own = own;
    this.#logger = logger;
    this.#table = compileRoutes(own, () => undefined);
    this.#learn();
    discovery.onChange(() => this.#learn());
  }

  /** Replaced as a whole whenever the registry brings other endpoints. */
  get table(): RouteTable {
    return this.#table;
  }

  /** Services that have ever been in the registry. */
  get services(): readonly string[] {
    return [...this.#endpoints.keys()].toSorted();
  }

  /** The public API: what all services have registered and what the gateway adds. */
  get endpoints(): readonly EndpointRecord[] {
    const own = this.#own.filter((route) => !route.isOperational).map((route) => route.endpoint);
    return [...own, ...[...this.#endpoints.values()].flat()];
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #learn(): void {
    const up = this.#discovery.all().filter(({ status, service }) => status === 'up' && service !== 'gateway');
    const fingerprint = up
      .map(({ instanceId, generation }) => `${instanceId} ${generation}`)
      .toSorted()
      .join();
    if (fingerprint === this.#fingerprint) return;
    for (const [service, instances] of Map.groupBy(up, (record) => record.service))
      this.#endpoints.set(service, mergeEndpoints(instances));
    this.#fingerprint = fingerprint;
    const routes: Route[] = [...this.#own];
    for (const service of this.services)
      for (const endpoint of this.#endpoints.get(service) ?? [])
        routes.push({
          service,
          endpoint,
          state: this.#stateOf(endpoint),
          answer: null,
          isOperational: false,
          streamsBody: endpoint.streamsBody === true,
          webSocket: endpoint.webSocket === true,
        });
    this.#table = compileRoutes(routes, (route) =>
      this.#logger.error(
        { service: route.service, endpoint: route.endpoint.name },
        'another service answers this route already; it is not routed',
      ),
    );
    for (const listener of this.#listeners) listener();
  }

  #stateOf(endpoint: EndpointRecord): RouteState {
    const state = this.#states.get(endpoint) ?? new RouteState(endpoint);
    this.#states.set(endpoint, state);
    return state;
  }
}

/** While two releases of a service run side by side, what only the older one has stays routed; else the newer one's word counts. */
function mergeEndpoints(instances: readonly InstanceRecord[]): readonly EndpointRecord[] {
  const merged = new Map<string, EndpointRecord>();
  for (const { endpoints } of instances.toSorted((a, b) => a.generation - b.generation))
    for (const endpoint of endpoints) merged.set(shapeOf(endpoint), endpoint);
  return [...merged.values()];
}
