import { notFound } from '@tenantry/kernel/problems.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import type { Route } from '../edge/exchange.ts';
import { MethodRoutes } from './method-routes.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Patterns that differ in the names of their parameters only match the same requests. */
export const shapeOf = ({ method, path }: Pick<EndpointRecord, 'method' | 'path'>): string =>
  `${method} ${path.replaceAll(/:[A-Za-z]+/g, ':')}`;

/** What the gateway answers itself comes before what services do, and these in the order of their names. */
const isBefore = (a: Route, b: Route): boolean =>
  a.service !== b.service && (a.service === 'gateway' || (b.service !== 'gateway' && a.service < b.service));

/**
 * All routes. One is added or taken away without touching the others, so that with many thousand of them a change costs no
 * more than with a few. Of two routes of one method and shape the same one is routed at every gateway, whichever came first.
 */
export class RouteTable {
  readonly #methods = new Map<string, MethodRoutes>(METHODS.map((method) => [method, new MethodRoutes()]));
  /** Those that are not routed because another takes their requests. */
  readonly #beaten = new Set<Route>();

  /** Whichever of two routes is not routed; null where there is one only. */
  add(route: Route): Route | null {
    const { method, path } = route.endpoint;
    const routes = this.#methods.get(method);
    const there = routes?.at(path);
    if (there !== undefined && !isBefore(route, there)) {
      this.#beaten.add(route);
      return route;
    }
    routes?.set(path, route);
    if (there === undefined) return null;
    this.#beaten.add(there);
    return there;
  }

  remove(route: Route): void {
    if (this.#beaten.delete(route)) return;
    const { method, path } = route.endpoint;
    this.#methods.get(method)?.delete(path);
    const shape = shapeOf(route.endpoint);
    const waiting = [...this.#beaten].filter((one) => shapeOf(one.endpoint) === shape);
    for (const one of waiting) {
      this.#beaten.delete(one);
      this.add(one);
    }
  }

  find(method: string, path: string): Route | undefined {
    // RFC 9110 §9.3.2: HEAD is GET without the body.
    return this.#methods.get(method === 'HEAD' ? 'GET' : method)?.find(path);
  }

  /** The methods that a path takes, for `Allow`; empty for an unknown path. */
  methodsOf(path: string): readonly string[] {
    return METHODS.filter((method) => this.find(method, path) !== undefined).flatMap((method) =>
      method === 'GET' ? ['GET', 'HEAD'] : [method],
    );
  }
}

export const unknownPath = () => notFound('There is nothing at this address.');
