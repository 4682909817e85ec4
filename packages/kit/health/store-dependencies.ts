import type { Dependency } from '@tenantry/resilience/dependency.ts';

export type StoreName = 'postgres' | 'redis' | 'clickhouse' | 'nats' | 'vault';

/** What a service without this store is like: the table of failures in ARCHITECTURE.md, one row each. */
export const STORE_DEPENDENCIES: Readonly<Record<StoreName, Dependency>> = {
  postgres: {
    name: 'postgres',
    isCritical: true,
    degradedMode:
      'What is cached is answered within its age; all else gets 503 with Retry-After, and nothing is half done.',
  },
  redis: {
    name: 'redis',
    isCritical: false,
    degradedMode:
      'Sessions and quotas come from PostgreSQL, rate limits are counted locally, and messages wait as rows.',
  },
  clickhouse: {
    name: 'clickhouse',
    isCritical: false,
    degradedMode: 'Everything but analytics goes on; usage waits and is counted afterwards.',
  },
  vault: {
    name: 'vault',
    isCritical: false,
    degradedMode:
      'Secrets and keys that were used within the last 15 minutes are good; what needs another one gets 503 with Retry-After.',
  },
  nats: {
    name: 'nats',
    isCritical: false,
    degradedMode:
      'Changes are committed and their events wait in the outbox, in order; calls go on by the last snapshot of the registry.',
  },
};
