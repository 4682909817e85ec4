import type { Logger } from '@tenantry/kit/logger.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import type { Route } from '../edge/exchange.ts';
import { RouteTable, shapeOf } from './route-table.ts';
import { ServiceRoute } from './service-route.ts';

type OfService = {
  /** What its instances have registered, the oldest first: the same lists have the same routes. */
  readonly told: readonly (readonly EndpointRecord[])[];
  readonly routes: readonly ServiceRoute[];
};

/**
 * The routes of all services, kept in step with the registry. A service that has no instance left keeps its routes:
 * its resources have not ceased to exist, they cannot be reached (503, not 404). A route that stays the same keeps what is
 * known of it, and what another service registers does not touch it.
 */
export class Routes {
  readonly table = new RouteTable();
  readonly #discovery: Discovery;
  readonly #own: readonly Route[];
  readonly #logger: Logger;
  readonly #services = new Map<string, OfService>();
  readonly #listeners: (() => void)[] = [];

  constructor(discovery: Discovery, own: readonly Route[], logger: Logger) {
    this.#discovery = discovery;
    this.#own = own;
    this.#logger = logger;
    for (const route of own) this.#add(route);
    this.#learn();
    discovery.onChange(() => this.#learn());
  }

  /** Services that have ever been in the registry. */
  get services(): readonly string[] {
    return [...this.#services.keys()].toSorted();
  }

  /** The public API: what all services have registered and what the gateway adds. */
  get endpoints(): readonly EndpointRecord[] {
    const routes: Route[] = this.#own.filter((route) => !route.isOperational);
    for (const service of this.services) routes.push(...(this.#services.get(service)?.routes ?? []));
    return routes.map(({ endpoint }) => endpoint);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #learn(): void {
    const up = this.#discovery.all().filter(({ status, service }) => status === 'up' && service !== 'gateway');
    let isNews = false;
    for (const [service, instances] of Map.groupBy(up, (record) => record.service)) {
      const told = instances.toSorted((a, b) => a.generation - b.generation).map(({ endpoints }) => endpoints);
      const known = this.#services.get(service);
      if (known !== undefined && isSame(known.told, told)) continue;
      const routes = this.#follow(service, known?.routes ?? [], merge(told));
      this.#services.set(service, { told, routes });
      isNews ||= known === undefined || routes !== known.routes;
    }
    if (isNews) for (const listener of this.#listeners) listener();
  }

  /** The routes from now on: the very same list where nothing has changed. */
  #follow(
    service: string,
    before: readonly ServiceRoute[],
    wanted: ReadonlyMap<string, EndpointRecord>,
  ): readonly ServiceRoute[] {
    const kept = new Map<string, ServiceRoute>();
    let isChanged = false;
    for (const route of before) {
      const shape = shapeOf(route.endpoint);
      const endpoint = wanted.get(shape);
      if (endpoint !== undefined && route.takes(endpoint)) kept.set(shape, route);
      else {
        this.table.remove(route);
        isChanged = true;
      }
    }
    if (!isChanged && kept.size === wanted.size) return before;
    const routes: ServiceRoute[] = [];
    for (const [shape, endpoint] of wanted) {
      const route = kept.get(shape) ?? new ServiceRoute(service, endpoint);
      if (!kept.has(shape)) this.#add(route);
      routes.push(route);
    }
    return routes;
  }

  #add(route: Route): void {
    const beaten = this.table.add(route);
    if (beaten === null) return;
    this.#logger.error(
      { service: beaten.service, endpoint: beaten.endpoint.name },
      'another service answers this route already; it is not routed',
    );
  }
}

const isSame = (a: OfService['told'], b: OfService['told']): boolean =>
  a.length === b.length && a.every((endpoints, index) => endpoints === b[index]);

/** By shape. While two releases of a service run side by side, what only the older one has stays routed; else the newer one's word counts. */
function merge(told: OfService['told']): ReadonlyMap<string, EndpointRecord> {
  const merged = new Map<string, EndpointRecord>();
  for (const endpoints of told) for (const endpoint of endpoints) merged.set(shapeOf(endpoint), endpoint);
  return merged;
}
