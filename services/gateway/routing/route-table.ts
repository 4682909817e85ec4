import { notFound } from '@tenantry/kernel/problems.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import findMyWay from 'find-my-way';
import type { Route } from '../edge/exchange.ts';

export type RouteTable = {
  readonly find: (method: string, path: string) => Route | undefined;
  /** The methods that a path takes, for `Allow`; empty for an unknown path. */
  readonly methodsOf: (path: string) => readonly string[];
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const MAX_PARAMETER_CHARACTERS = 256;

const isRouted = (method: string): method is (typeof METHODS)[number] =>
  (METHODS as readonly string[]).includes(method);

/** Patterns that differ in the names of their parameters only match the same requests. */
export const shapeOf = ({ method, path }: Pick<EndpointRecord, 'method' | 'path'>): string =>
  `${method} ${path.replaceAll(/:[A-Za-z]+/g, ':')}`;

const unused = (): void => undefined;

/**
 * A radix tree over all routes, built once and never changed: a new registry makes a new table. The first of two routes
 * with one method and shape wins; the other is reported, not routed.
 */
export function compileRoutes(routes: readonly Route[], onConflict: (route: Route) => void): RouteTable {
  const router = findMyWay({ maxParamLength: MAX_PARAMETER_CHARACTERS, caseSensitive: true });
  const taken = new Set<string>();
  for (const route of routes) {
    const { method, path } = route.endpoint;
    const shape = shapeOf(route.endpoint);
    if (taken.has(shape)) onConflict(route);
    else {
      taken.add(shape);
      router.on(method, path, unused, route);
    }
  }
  const find = (method: string, path: string): Route | undefined => {
    // RFC 9110 §9.3.2: HEAD is GET without the body.
    const routed = method === 'HEAD' ? 'GET' : method;
    return isRouted(routed) ? (router.find(routed, path)?.store as Route | undefined) : undefined;
  };
  return {
    find,
    methodsOf: (path) =>
      METHODS.filter((method) => find(method, path) !== undefined).flatMap((method) =>
        method === 'GET' ? ['GET', 'HEAD'] : [method],
      ),
  };
}

export const unknownPath = () => notFound('There is nothing at this address.');
