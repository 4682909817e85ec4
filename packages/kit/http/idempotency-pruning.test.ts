import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { startTicker } from '../due/ticker.ts';
import { userOf } from '../test/open-door.ts';
import { openStore, type Store } from '../test/open-store.ts';
import { beginIdempotent } from './idempotency.ts';
import { createPruningSchedule, IDEMPOTENCY_PRUNING, pruneIdempotencyKeys } from './idempotency-pruning.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());
let tenantId: TenantId;
beforeEach(async () => {
  tenantId = newId('ten');
  await store.sql('delete from users.due');
  await store.sql('delete from users.idempotency_keys');
});

const withKey = (key: string, of = tenantId, pruning = createPruningSchedule()) =>
  beginIdempotent(
    { withTenant: store.databases.withTenant, fingerprintKeys: [Buffer.alloc(32)], pruning },
    { ...userOf(of, ['admin']), id: 'usr_00000000000000000000000000' },
    'things.make',
    key,
    {},
  );
const keys = async () =>
  (await store.sql<{ key: string }>('select key from users.idempotency_keys order by key')).map(({ key }) => key);
const dueRows = () =>
  store.sql<{ due_at: Date; tenant_id: string }>('select due_at, tenant_id from users.due where kind = $1', [
    IDEMPOTENCY_PRUNING,
  ]);
const tick = (batch?: number) =>
  startTicker({
    committed: store.databases.committed,
    worker: store.databases.worker,
    clock: store.clock,
    handlers: { [IDEMPOTENCY_PRUNING]: pruneIdempotencyKeys(store.databases.withTenant, batch) },
    onError: (error) => {
      throw error;
    },
  });

describe('Expired idempotency keys', () => {
  it('are removed within the hour, and keys that still count are not', async () => {
    await withKey('old');
    store.clock.advance({ hours: 23 });
    await withKey('young');
    const ticker = tick();
    store.clock.advance({ minutes: 119 });
    await eventually(async () => expect(await keys()).toEqual(['young']));
    store.clock.advance({ hours: 24 });
    await eventually(async () => expect(await keys()).toEqual([]));
    await eventually(async () => expect(await dueRows()).toEqual([]));
    await ticker.stop();
  });

  it('are looked for once per tenant and hour, however many keys there are and whoever takes them', async () => {
    const here = createPruningSchedule();
    const other = newId('ten');
    for (let i = 0; i < 5; i++) await withKey(`key-${i}`, tenantId, i % 2 === 0 ? here : createPruningSchedule());
    await withKey('of-another', other, here);
    const rows = await dueRows();
    expect(rows.map(({ tenant_id }) => tenant_id).toSorted()).toEqual(
      [tenantId, other].map((id) => uuidOf(id)).toSorted(),
    );
    // The whole hour is over by then, so nothing that expires in it is missed.
    for (const { due_at } of rows) {
      expect(due_at.getTime() % 3_600_000).toBe(0);
      expect(due_at.getTime() - store.clock.now().epochMilliseconds).toBeGreaterThanOrEqual(24 * 3_600_000);
      expect(due_at.getTime() - store.clock.now().epochMilliseconds).toBeLessThanOrEqual(25 * 3_600_000);
    }
  });

  it('are looked for also when the first who wanted to see to it was undone', async () => {
    const pruning = createPruningSchedule();
    const undone = store.databases.withTenant(tenantId, async (uow) => {
      await pruning.add(uow as TenantUnitOfWork, uow.now.add({ hours: 24 }));
      throw new Error('no');
    });
    await expect(undone).rejects.toThrow('no');
    await withKey('second', tenantId, pruning);
    expect(await dueRows()).toHaveLength(1);
  });

  it('go a few at a time, by two instances at once, without one being in the way of the other', async () => {
    const expiresAt = store.clock.now().toString();
    await store.sql(
      `insert into users.idempotency_keys (tenant_id, principal, route, key, fingerprint, resource_id, leased_until, expires_at)
       select $1, 'p', 'r', 'key' || n, '', gen_random_uuid(), $2, $2 from generate_series(1, 250) as n`,
      [uuidOf(tenantId), expiresAt],
    );
    const foreign = newUuid();
    await store.sql(
      `insert into users.idempotency_keys (tenant_id, principal, route, key, fingerprint, resource_id, leased_until, expires_at)
       values ($1, 'p', 'r', 'theirs', '', gen_random_uuid(), $2, $2)`,
      [foreign, expiresAt],
    );
    const prune = pruneIdempotencyKeys(store.databases.withTenant, 20);
    const work = { tenantId, uuid: newUuid(), attempts: 1 };
    expect(await Promise.all([prune(work), prune(work), prune(work)])).toEqual([undefined, undefined, undefined]);
    // Who found all rows of a batch locked has ended early; whoever held them went on.
    await prune(work);
    expect(await keys()).toEqual(['theirs']);
  });

  it('are left alone while somebody takes one up again', async () => {
    await withKey('again');
    store.clock.advance({ hours: 25 });
    const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
    const { promise: isLocked, resolve: markLocked } = Promise.withResolvers<void>();
    const taking = store.databases.withTenant(tenantId, async (uow) => {
      const { sql } = uow as TenantUnitOfWork;
      await sql.selectFrom('idempotency_keys').select('key').forUpdate().execute();
      markLocked();
      await mayGoOn;
      await sql
        .updateTable('idempotency_keys')
        .set({ expires_at: uow.now.add({ hours: 24 }) })
        .execute();
    });
    await isLocked;
    const prune = pruneIdempotencyKeys(store.databases.withTenant);
    await prune({ tenantId, uuid: newUuid(), attempts: 1 });
    goOn();
    await taking;
    await prune({ tenantId, uuid: newUuid(), attempts: 1 });
    expect(await keys()).toEqual(['again']);
  });
});
