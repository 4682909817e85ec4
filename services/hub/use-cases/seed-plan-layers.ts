import { Problem } from '@tenantry/kernel/problem.ts';
import { stale } from '@tenantry/kernel/problems.ts';
import type { LayerName } from '../domain/layer.ts';
import { PLAN_LAYERS } from '../domain/plan-layers.ts';
import type { Configuration } from './configuration.ts';
import { keyOf } from './layers.ts';

/**
 * Gives each plan its first layer, where nobody has set one: once, by whichever hub comes first. From then on it is the
 * operators', and a later version of this house changes nothing of it.
 */
export async function seedPlanLayers(configuration: Pick<Configuration, 'settle' | 'replace'>): Promise<void> {
  for (const [slug, layer] of Object.entries(PLAN_LAYERS)) {
    const name: LayerName = { kind: 'plan', slug };
    if ((await configuration.settle(keyOf(name))) !== null) continue;
    await configuration.replace(name, layer, 'is-new', 'hub').catch((error: unknown) => {
      // Another hub, or an operator, was first.
      if (!(error instanceof Problem) || error.kind.code !== stale.kind.code) throw error;
    });
  }
}
