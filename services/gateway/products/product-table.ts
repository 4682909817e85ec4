import type { PushedState } from '@tenantry/events/pushed-state.ts';
import { PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { PRODUCT_PREFIX, ROUTED_METHODS } from '../contract/routes.ts';
import type { Route } from '../edge/exchange.ts';
import { type PathMatch, PathTree } from './path-tree.ts';
import { type RouteRecord, tenantOfKey } from './records.ts';

type Compiled = ReadonlyMap<string, PathTree<ProductRoute>>;

/** A record whose route is made when it is first asked for: of many thousand most never are. */
type ProductRoute = { readonly record: RouteRecord; route: Route | null };

export const isProductPath = (path: string): boolean =>
  path.startsWith(PRODUCT_PREFIX) && (path.length === PRODUCT_PREFIX.length || path[PRODUCT_PREFIX.length] === '/');

/**
 * The routes of all tenants. Each tenant with routes of its own has a table of them, compiled when it is first asked and
 * again after a change of that tenant's, each route with its first request; everybody else has the platform's, of which there is one.
 */
export class ProductTable {
  readonly #state: Pick<PushedState<RouteRecord>, 'isKnown'>;
  readonly #compile: (record: RouteRecord) => Route | null;
  readonly #records = new Map<TenantId, Map<string, RouteRecord>>();
  readonly #compiled = new Map<TenantId, Compiled>();
  #public: Compiled | null = null;

  /** @param compile null for a record that makes no sense; the others are routed all the same */
  constructor(state: PushedState<RouteRecord>, compile: (record: RouteRecord) => Route | null) {
    this.#state = state;
    this.#compile = compile;
    for (const [key, record] of state.entries()) this.#take(key, record);
    state.onChange((key, record) => this.#take(key, record));
  }

  recordsOf(tenantId: TenantId): readonly RouteRecord[] {
    return [...(this.#records.get(tenantId)?.values() ?? [])];
  }

  /** The tenant's own route, if one takes the request; else the platform's. */
  find(tenantId: TenantId, method: string, path: string): PathMatch<Route> | null {
    const routed = method === 'HEAD' ? 'GET' : method;
    const own = this.#match(this.#tableOf(tenantId), routed, path);
    if (own !== null || tenantId === PLATFORM_TENANT_ID) return own;
    return this.#match(this.#tableOf(PLATFORM_TENANT_ID), routed, path);
  }

  /** False while nobody has told what is registered: a route that is missing may be there. */
  get isKnown(): boolean {
    return this.#state.isKnown();
  }

  /** What the platform leaves open to everybody. */
  findPublic(method: string, path: string): PathMatch<Route> | null {
    this.#public ??= this.#build(this.recordsOf(PLATFORM_TENANT_ID).filter(({ access }) => access === 'public'));
    return this.#match(this.#public, method === 'HEAD' ? 'GET' : method, path);
  }

  methodsOf(tenantId: TenantId, path: string): readonly string[] {
    return ROUTED_METHODS.filter((method) => this.find(tenantId, method, path) !== null).flatMap((method) =>
      method === 'GET' ? ['GET', 'HEAD'] : [method],
    );
  }

  #match(table: Compiled | undefined, method: string, path: string): PathMatch<Route> | null {
    const found = table?.get(method)?.find(path) ?? null;
    if (found === null) return null;
    found.value.route ??= this.#compile(found.value.record);
    return found.value.route === null ? null : { value: found.value.route, params: found.params };
  }

  #take(key: string, record: RouteRecord | undefined): void {
    const tenantId = tenantOfKey(key);
    const own = this.#records.get(tenantId) ?? new Map<string, RouteRecord>();
    // After a reconnection everything is told again, and most of it is no news.
    if (record !== undefined && own.get(key)?.version === record.version) return;
    if (record === undefined) own.delete(key);
    else own.set(key, record);
    if (own.size === 0) this.#records.delete(tenantId);
    else this.#records.set(tenantId, own);
    this.#compiled.delete(tenantId);
    if (tenantId === PLATFORM_TENANT_ID) this.#public = null;
  }

  #tableOf(tenantId: TenantId): Compiled | undefined {
    const compiled = this.#compiled.get(tenantId);
    if (compiled !== undefined || !this.#records.has(tenantId)) return compiled;
    const fresh = this.#build(this.recordsOf(tenantId));
    this.#compiled.set(tenantId, fresh);
    return fresh;
  }

  /** Of two routes that take the same requests, the older one does, at every gateway: both may come in at one instant. */
  #build(records: readonly RouteRecord[]): Compiled {
    const trees = new Map<string, PathTree<ProductRoute>>();
    for (const record of records.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      // Only what is declared can make no sense; then whatever else takes the request is to have it.
      const made = record.transform === null ? null : this.#compile(record);
      if (record.transform !== null && made === null) continue;
      const route: ProductRoute = { record, route: made };
      for (const method of record.methods) {
        const tree = trees.get(method) ?? new PathTree<ProductRoute>();
        trees.set(method, tree);
        tree.add(record.path, route);
      }
    }
    return trees;
  }
}
