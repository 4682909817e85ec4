import type { ConfigurationLayer, PushedLayer } from '@tenantry/contract/tenant-configuration.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { checkPrecondition, describe, type LayerName, type LayerVersion, type Precondition } from '../domain/layer.ts';
import type { ConfigurationStore } from '../store/configuration-store.ts';
import { keyOf, mergeForView } from './layers.ts';

export type ConfigurationDeps = { readonly store: ConfigurationStore; readonly clock: Clock };

type Content = { readonly layer: ConfigurationLayer; readonly plan: string | null; readonly restoredFrom?: number };

/** Versions of layers: each change is a new one, written by exactly one of those who try at once. */
export class Configuration {
  readonly #deps: ConfigurationDeps;

  constructor(deps: ConfigurationDeps) {
    this.#deps = deps;
  }

  async read(name: LayerName): Promise<LayerVersion> {
    const current = await this.settle(keyOf(name));
    if (current === null) throw notFound(`${describe(name)} has not been set. PUT it with If-None-Match: *.`);
    return current;
  }

  replace(
    name: LayerName,
    layer: ConfigurationLayer,
    precondition: Precondition,
    changedBy: string,
  ): Promise<LayerVersion> {
    return this.#change(name, precondition, changedBy, async (current) => ({ layer, plan: current?.plan ?? null }));
  }

  /** A new version with the content of an old one. A tenant keeps its plan, which is not its own to bring back. */
  restore(name: LayerName, version: number, precondition: Precondition, changedBy: string): Promise<LayerVersion> {
    return this.#change(name, precondition, changedBy, async (current) => {
      const old = await this.#deps.store.version(keyOf(name), version);
      if (old === null) throw notFound(`${describe(name)} has no version ${version}. List its versions.`);
      return { layer: old.layer, plan: current?.plan ?? null, restoredFrom: version };
    });
  }

  /** The same plan again changes nothing, so it may be said as often as one likes. */
  assignPlan(tenantId: TenantId, plan: string | null, changedBy: string): Promise<LayerVersion> {
    return this.#change({ kind: 'tenant', tenantId }, null, changedBy, async (current) =>
      current?.plan === plan ? null : { layer: current?.layer ?? {}, plan },
    );
  }

  /** Newest first. */
  async versions(name: LayerName, limit: number, before: number | null) {
    const current = await this.read(name);
    const from = Math.min(current.version, (before ?? Number.MAX_SAFE_INTEGER) - 1);
    const numbers = Array.from({ length: Math.max(0, Math.min(limit, from)) }, (_, index) => from - index);
    const found = await Promise.all(numbers.map((number) => this.#deps.store.version(keyOf(name), number)));
    const last = numbers.at(-1) ?? 1;
    return {
      data: found.filter((version) => version !== null),
      nextCursor: last > 1 ? String(last) : null,
    };
  }

  /** What holds for a tenant, of what the layers say. */
  async effective(tenantId: TenantId) {
    const [byDefault, own] = await Promise.all([
      this.settle(keyOf({ kind: 'default' })),
      this.settle(keyOf({ kind: 'tenant', tenantId })),
    ]);
    const slug = own?.plan ?? null;
    const plan = slug === null ? null : await this.settle(keyOf({ kind: 'plan', slug }));
    const versionOf = (layer: PushedLayer | null): number | null => layer?.version ?? null;
    return {
      tenantId,
      plan: slug,
      versions: { default: versionOf(byDefault), plan: versionOf(plan), tenant: versionOf(own) },
      configuration: mergeForView(byDefault?.layer, plan?.layer, own?.layer),
    };
  }

  /** The version that stands. Pushes it first if whoever wrote it did not live to do so. */
  async settle(layerKey: string): Promise<LayerVersion | null> {
    const { store } = this.#deps;
    const current = await store.current(layerKey);
    const number = current?.version ?? 0;
    const next = await store.version(layerKey, number + 1);
    if (next !== null || current === null) {
      // Nothing pushed may also mean that the bucket was lost: then history begins wherever it begins.
      const last = (await store.highest(layerKey)) ?? next;
      if (last === null) return null;
      await store.push(layerKey, last);
      return last;
    }
    const written = await store.version(layerKey, number);
    // History may be younger than what is pushed: then nobody knows any more who wrote it, and when.
    return written ?? { ...current, changedAt: UNKNOWN_TIME, changedBy: 'unknown', restoredFrom: null };
  }

  /** Everything that was written and not pushed, by whichever hub. */
  async settleAll(): Promise<void> {
    for (const layerKey of await this.#deps.store.layerKeys()) await this.settle(layerKey);
  }

  async #change(
    name: LayerName,
    precondition: Precondition | null,
    changedBy: string,
    make: (current: LayerVersion | null) => Promise<Content | null>,
  ): Promise<LayerVersion> {
    const { store, clock } = this.#deps;
    const layerKey = keyOf(name);
    for (;;) {
      const current = await this.settle(layerKey);
      if (precondition !== null) checkPrecondition(name, precondition, current);
      const content = await make(current);
      if (content === null && current !== null) return current;
      const next: LayerVersion = {
        version: (current?.version ?? 0) + 1,
        layer: content?.layer ?? {},
        plan: content?.plan ?? null,
        changedAt: formatInstant(clock.now()),
        changedBy,
        restoredFrom: content?.restoredFrom ?? null,
      };
      // From here on it is written, whether or not we live to push it.
      if (await store.append(layerKey, next)) {
        await store.push(layerKey, next);
        return next;
      }
    }
  }
}

const UNKNOWN_TIME = '1970-01-01T00:00:00.000Z';
