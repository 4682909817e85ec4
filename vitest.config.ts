import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

const EVERYWHERE_EXCLUDED = [...configDefaults.exclude, '**/.tenantry/**'];

/** These packages are about stores and messages: their tests need real ones, as services' tests do. */
const PACKAGES_WITH_STORES = 'packages/{databases,events,kit,mesh}/**/*.test.ts';
const DOMAINS = 'services/*/domain/**/*.test.ts';
const SYSTEM = ['tests/system/**/*.test.ts', 'deploy/launcher/test/**/*.test.ts'];

const PROCESSORS = availableParallelism();
/** Most tests wait for a store or a process rather than for a processor; all of them share 300 connections to PostgreSQL. */
const WORKERS = Math.min(PROCESSORS + 1, 12);
/** A launched system is a dozen processes, and what dies in one has to be up again before leases end. */
const SYSTEMS_AT_ONCE = Math.max(2, Math.floor(PROCESSORS / 2));

export default defineConfig({
  test: {
    // Worker threads would take servers down with them: the leash of deploy/embedded is tied to the thread that starts one.
    pool: 'forks',
    maxWorkers: WORKERS,
    // A second, as it is unless told, is less than a busy machine may take for anything.
    expect: { poll: { timeout: 30_000, interval: 20 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/**/*.test.ts',
            DOMAINS,
            'simulators/**/*.test.ts',
            'deploy/**/*.test.ts',
            'bench/**/*.test.ts',
          ],
          exclude: [...EVERYWHERE_EXCLUDED, PACKAGES_WITH_STORES, ...SYSTEM],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'service',
          include: ['services/**/*.test.ts', 'tests/**/*.test.ts', PACKAGES_WITH_STORES],
          exclude: [...EVERYWHERE_EXCLUDED, DOMAINS, ...SYSTEM],
          globalSetup: ['tests/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: SYSTEM,
          exclude: EVERYWHERE_EXCLUDED,
          maxWorkers: SYSTEMS_AT_ONCE,
          // Never beside the others: these start whole launchers and kill processes.
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
