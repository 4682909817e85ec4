import type { Engine } from '@tenantry/databases/engine.ts';
import type { Dependencies } from './dependencies.ts';
import { CHECKED, type StoreChecks, startStoreChecks } from './store-checks.ts';
import { dependencyOf } from './store-dependencies.ts';

/** Declares the stores of a service as what it depends on, and asks them for signs of life from now on. */
export const checkEngines = (dependencies: Dependencies, engines: readonly Engine[]): StoreChecks =>
  startStoreChecks(
    engines.map((engine) => ({
      monitor: dependencies.declare(dependencyOf(engine), CHECKED),
      check: engine.check,
    })),
  );
