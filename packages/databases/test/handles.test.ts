import type { TenantId } from '@tenantry/kernel/id.ts';
import { describe, expect, it } from 'vitest';
import type { Databases } from '../factory.ts';
import type { TenantReader, TenantUnitOfWork } from '../unit-of-work.ts';
import type { NotesTables } from './open-test-databases.ts';

type Reader = TenantReader<NotesTables>;
type Uow = TenantUnitOfWork<NotesTables>;

// What follows is for the compiler: a line that stops being an error is one. Nothing of it runs.
const misuses = {
  unscoped: (databases: Databases<NotesTables>) => [
    // @ts-expect-error tenant tables are reached through a tenant alone
    databases.sql,
    // @ts-expect-error the worker's handle knows the routing tables only
    databases.worker.selectFrom('notes'),
  ],
  // @ts-expect-error a handle comes from `withTenant`; nobody makes one up
  madeUp: (sql: Uow['sql'], tenantId: TenantId, now: Temporal.Instant): Reader => ({
    tenantId,
    tenantUuid: '',
    now,
    sql,
  }),
  reading: (reader: Reader) => [
    // @ts-expect-error a read changes nothing
    reader.sql.insertInto('notes'),
    // @ts-expect-error
    reader.sql.updateTable('notes'),
    // @ts-expect-error
    reader.sql.deleteFrom('notes'),
    // @ts-expect-error
    reader.enqueue,
  ],
  // @ts-expect-error what needs a unit of work cannot be given a read
  promoted: (reader: Reader): Uow => reader,
  // @ts-expect-error any text is no tenant
  anyText: (databases: Databases<NotesTables>) => databases.withTenant.read('acme', async () => undefined),
  envelopes: (databases: Databases<NotesTables>, tenant: TenantId) => [
    databases.query({ engine: 'postgres', tenant, statement: 'select 1', parameters: [] }),
    // @ts-expect-error whose rows is never left out
    databases.query({ engine: 'postgres', statement: 'select 1', parameters: [] }),
    // @ts-expect-error any text is no tenant
    databases.query({ engine: 'redis', tenant: 'acme', statement: 'get', parameters: ['a'] }),
    // @ts-expect-error each engine has its own kind of parameters
    databases.query({ engine: 'clickhouse', tenant, statement: 'select 1', parameters: [1] }),
    // @ts-expect-error a command that writes is no question
    databases.query({ engine: 'redis', tenant, statement: 'set', parameters: ['a', '1'] }),
    // @ts-expect-error a command without a key would be of no tenant
    databases.query({ engine: 'redis', tenant, statement: 'get', parameters: [] }),
  ],
  // Every unit of work can read.
  lent: (uow: Uow): Reader => uow,
};

describe('A handle', () => {
  it('that knows no tenant, or may not write, does not compile where it matters', () => {
    expect(Object.keys(misuses)).toHaveLength(7);
  });
});
