import type { EngineKind } from '@tenantry/databases/database-calls.ts';
import type { Engine } from '@tenantry/databases/engine.ts';
import type { Dependency } from '@tenantry/resilience/dependency.ts';

export type StoreName = EngineKind;

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
  nats: {
    name: 'nats',
    isCritical: false,
    degradedMode:
      'Changes are committed and their events wait in the outbox, in order; calls go on by the last snapshot of the registry.',
  },
  secrets: {
    name: 'secrets',
    isCritical: false,
    degradedMode:
      'What needs a secret of a tenant or sealed personal data fails, but for what a Vault has told within 15 minutes; everything else goes on.',
  },
};

/** A database beside the main one is not needed to serve those who live elsewhere. */
export const dependencyOf = ({ kind, name }: Pick<Engine, 'kind' | 'name'>): Dependency =>
  name === kind
    ? STORE_DEPENDENCIES[kind]
    : {
        name,
        isCritical: false,
        degradedMode: `Tenants that live in ${name} get 503 with Retry-After, and what is to happen for them waits; for all others everything goes on.`,
      };
