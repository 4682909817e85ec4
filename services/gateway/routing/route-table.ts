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

/** A pattern without parameters but for its last segment; what stands before that one. */
const ONE_AT_THE_END = /^([^:*(]*\/):[A-Za-z]+$/;
const STATIC = /^[^:*(]*$/;
/** What is decoded, or taken for the beginning of something else. */
const FOR_THE_TREE = /[%;?#]/;

/**
 * Most patterns have one parameter at the end, or none, and are found by what stands before it: walking the tree of many
 * tenants' routes costs a cache miss per segment and more. A tree prefers what is literal from the left, so there is nothing
 * in it that it would rather find for such a path.
 */
class DirectRoutes {
  readonly #whole = new Map<string, Route>();
  readonly #upToLast = new Map<string, Route>();

  add(path: string, route: Route): void {
    const [, before] = ONE_AT_THE_END.exec(path) ?? [];
    if (before !== undefined) this.#upToLast.set(before, route);
    else if (STATIC.test(path)) this.#whole.set(path, route);
  }

  /** Undefined also for what the tree finds. */
  find(path: string): Route | undefined {
    const whole = this.#whole.get(path);
    if (whole !== undefined) return whole;
    const last = path.lastIndexOf('/') + 1;
    const found = this.#upToLast.get(path.slice(0, last));
    if (found === undefined || last === path.length || path.length - last > MAX_PARAMETER_CHARACTERS) return undefined;
    return FOR_THE_TREE.test(path.slice(last)) ? undefined : found;
  }
}

/**
 * All routes, compiled once and never changed: a new registry makes a new table. The first of two routes with one method
 * and shape wins; the other is reported, not routed.
 */
export function compileRoutes(routes: readonly Route[], onConflict: (route: Route) => void): RouteTable {
  const router = findMyWay({ maxParamLength: MAX_PARAMETER_CHARACTERS, caseSensitive: true });
  const direct = new Map(METHODS.map((method) => [method, new DirectRoutes()]));
  const taken = new Set<string>();
  for (const route of routes) {
    const { method, path } = route.endpoint;
    const shape = shapeOf(route.endpoint);
    if (taken.has(shape)) onConflict(route);
    else {
      taken.add(shape);
      router.on(method, path, unused, route);
      direct.get(method)?.add(path, route);
    }
  }
  const find = (method: string, path: string): Route | undefined => {
    // RFC 9110 §9.3.2: HEAD is GET without the body.
    const routed = method === 'HEAD' ? 'GET' : method;
    if (!isRouted(routed)) return undefined;
    return direct.get(routed)?.find(path) ?? (router.find(routed, path)?.store as Route | undefined);
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
