import { ownPartOf } from '@tenantry/contract/tenant-configuration.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { overruledFields } from '../domain/fields.ts';
import type { LayerVersion } from '../domain/layer.ts';
import type { Configuration } from './configuration.ts';
import { keyOf, mergeForView } from './layers.ts';

type Settled = Pick<Configuration, 'settle'>;

/** Every layer that has a say for a tenant, weakest first. */
async function layersOf(configuration: Settled, tenantId: TenantId, written?: LayerVersion) {
  const [byDefault, own, byOperators] = await Promise.all([
    configuration.settle(keyOf({ kind: 'default' })),
    written ?? configuration.settle(keyOf({ kind: 'own', tenantId })),
    configuration.settle(keyOf({ kind: 'tenant', tenantId })),
  ]);
  const slug = byOperators?.plan ?? null;
  const plan = slug === null ? null : await configuration.settle(keyOf({ kind: 'plan', slug }));
  const ownPart = own === null ? {} : ownPartOf(own.layer);
  const merged = mergeForView(byDefault?.layer, plan?.layer, ownPart, byOperators?.layer);
  return { slug, byDefault, plan, own, ownPart, byOperators, merged };
}

const versionOf = (layer: LayerVersion | null): number | null => layer?.version ?? null;

/** What holds for a tenant, of what the layers say. */
export async function readEffective(configuration: Settled, tenantId: TenantId) {
  const { slug, byDefault, plan, own, byOperators, merged } = await layersOf(configuration, tenantId);
  return {
    tenantId,
    plan: slug,
    versions: {
      default: versionOf(byDefault),
      plan: versionOf(plan),
      own: versionOf(own),
      tenant: versionOf(byOperators),
    },
    configuration: merged,
  };
}

/**
 * The same for the tenant itself: what it has set, what holds, and which of its own does not.
 * @param written shown as its own layer also when somebody has written again since: who wrote it is to know no other ETag
 */
export async function readOwn(configuration: Settled, tenantId: TenantId, written?: LayerVersion) {
  const { slug, own, ownPart, byOperators, merged } = await layersOf(configuration, tenantId, written);
  return {
    version: own?.version ?? 0,
    plan: slug,
    own: ownPart,
    effective: merged,
    overruled: [...overruledFields(ownPart, byOperators?.layer ?? {})],
    changedAt: own?.changedAt ?? null,
    changedBy: own?.changedBy ?? null,
    restoredFrom: own?.restoredFrom ?? null,
  };
}
