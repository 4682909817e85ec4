import { type ConfigurationLayer, ownPartOf } from '@tenantry/contract/tenant-configuration.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { notFound, rateLimited } from '@tenantry/kernel/problems.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import { changedFields } from '../domain/fields.ts';
import { checkPrecondition, describe, type LayerName, type LayerVersion, type Precondition } from '../domain/layer.ts';
import { decidingVersion, OWN_PACE, secondsToWait } from '../domain/pace.ts';
import type { ConfigurationStore } from '../store/configuration-store.ts';
import { keyOf } from './layers.ts';

export type ConfigurationDeps = { readonly store: ConfigurationStore; readonly clock: Clock; readonly logger: Logger };

/** What a new version has instead of the one before; the rest stays. */
type Content = {
  readonly layer?: ConfigurationLayer;
  readonly plan?: string | null;
  readonly planSequence?: number;
  readonly restoredFrom?: number;
};

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
    return this.#change(name, precondition, changedBy, async (current) => {
      // A tenant's pages may save the same again and again; history is for good, and for what has changed.
      const isSame = name.kind === 'own' && changedFields(current?.layer ?? {}, layer).length === 0;
      return isSame && current !== null ? null : { layer };
    });
  }

  /** A new version with the content of an old one. A tenant keeps its plan, which is not its own to bring back. */
  restore(name: LayerName, version: number, precondition: Precondition, changedBy: string): Promise<LayerVersion> {
    return this.#change(name, precondition, changedBy, async () => {
      const old = await this.#deps.store.version(keyOf(name), version);
      if (old === null) throw notFound(`${describe(name)} has no version ${version}. List its versions.`);
      // What was a tenant's to set then may not be any more.
      return { layer: name.kind === 'own' ? ownPartOf(old.layer) : old.layer, restoredFrom: version };
    });
  }

  /** The same plan again changes nothing, so it may be said as often as one likes. */
  assignPlan(tenantId: TenantId, plan: string | null, changedBy: string): Promise<LayerVersion> {
    return this.#change({ kind: 'tenant', tenantId }, null, changedBy, async (current) =>
      current?.plan === plan ? null : { plan },
    );
  }

  /**
   * The same as something that has happened says so, which may be heard late, twice and in any order: only what is newer
   * than what was followed before counts. What an operator has assigned meanwhile stands until the next such change.
   */
  followPlan(tenantId: TenantId, plan: string | null, planSequence: number, changedBy: string): Promise<LayerVersion> {
    return this.#change({ kind: 'tenant', tenantId }, null, changedBy, async (current) =>
      (current?.planSequence ?? 0) >= planSequence ? null : { plan, planSequence },
    );
  }

  /** Newest first. */
  async versions(name: LayerName, limit: number, before: number | null) {
    const current = name.kind === 'own' ? await this.settle(keyOf(name)) : await this.read(name);
    if (current === null) return { data: [], nextCursor: null };
    const from = Math.min(current.version, (before ?? Number.MAX_SAFE_INTEGER) - 1);
    const numbers = Array.from({ length: Math.max(0, Math.min(limit, from)) }, (_, index) => from - index);
    const found = await Promise.all(numbers.map((number) => this.#deps.store.version(keyOf(name), number)));
    const last = numbers.at(-1) ?? 1;
    return {
      data: found.filter((version) => version !== null),
      nextCursor: last > 1 ? String(last) : null,
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

  async #keepPace(layerKey: string, current: LayerVersion | null): Promise<void> {
    const { store, clock } = this.#deps;
    const number = decidingVersion(current?.version ?? 0);
    const deciding = number === null ? null : await store.version(layerKey, number);
    const waitSeconds = deciding === null ? 0 : secondsToWait(deciding.changedAt, clock.now());
    if (waitSeconds <= 0) return;
    const { versions, windowSeconds } = OWN_PACE;
    throw rateLimited(
      `Your own configuration was changed ${versions} times within ${windowSeconds / 60} minutes. Wait, then try again.`,
      { retryAfterSeconds: waitSeconds },
    );
  }

  async #change(
    name: LayerName,
    precondition: Precondition | null,
    changedBy: string,
    make: (current: LayerVersion | null) => Promise<Content | null>,
  ): Promise<LayerVersion> {
    const { store, clock, logger } = this.#deps;
    const layerKey = keyOf(name);
    for (;;) {
      const current = await this.settle(layerKey);
      if (precondition !== null) checkPrecondition(name, precondition, current);
      const content = await make(current);
      if (content === null && current !== null) return current;
      if (name.kind === 'own') await this.#keepPace(layerKey, current);
      const next = nextVersion(current, content ?? {}, { at: formatInstant(clock.now()), by: changedBy });
      // From here on it is written, whether or not we live to push it.
      if (await store.append(layerKey, next)) {
        const { version, changed, plan, restoredFrom } = next;
        logger.info({ layer: layerKey, version, changed, plan, restoredFrom, changedBy }, 'configuration changed');
        await store.push(layerKey, next);
        return next;
      }
    }
  }
}

function nextVersion(
  current: LayerVersion | null,
  content: Content,
  change: { readonly at: string; readonly by: string },
): LayerVersion {
  const layer = content.layer ?? current?.layer ?? {};
  const plan = content.plan === undefined ? (current?.plan ?? null) : content.plan;
  const planSequence = content.planSequence ?? current?.planSequence;
  return {
    version: (current?.version ?? 0) + 1,
    layer,
    plan,
    ...(planSequence === undefined ? {} : { planSequence }),
    changedAt: change.at,
    changedBy: change.by,
    restoredFrom: content.restoredFrom ?? null,
    changed: [...changedFields(current?.layer ?? {}, layer), ...(plan === (current?.plan ?? null) ? [] : ['/plan'])],
  };
}

const UNKNOWN_TIME = '1970-01-01T00:00:00.000Z';
