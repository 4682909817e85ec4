import { newId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openTestDatabases, type TestDatabases } from '../../databases/test/open-test-databases.ts';
import { appendToStream } from '../event-store.ts';
import { type RecordedEvent, type ReplayOptions, replayEvents } from '../replay-events.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
});
afterAll(() => world.close());

const told = (n: number) => ({ type: 'told', data: { n } });
const append = (tenant: TenantId, id = newId('inv'), events = [told(1)]) =>
  world.databases.withTenant(tenant, (uow) => appendToStream(uow, id, 0, events));
const replay = async (tenant: TenantId, options?: ReplayOptions): Promise<RecordedEvent[]> =>
  (await Array.fromAsync(replayEvents(world.databases.withTenant, tenant, options))).flat();

describe('A replay', () => {
  it('gives every event of the tenant and no other, in the order of positions, whatever the size of its pages', async () => {
    const tenant = newId('ten');
    const ids = Array.from({ length: 5 }, () => newId('inv'));
    await append(newId('ten'));
    for (const [index, id] of ids.entries()) await append(tenant, id, [told(1), told(2), told(index)]);
    const all = await replay(tenant);
    expect(all.map(({ streamId, version }) => [streamId, version])).toEqual(
      ids.flatMap((id) => [1, 2, 3].map((version) => [uuidOf(id), version])),
    );
    expect(all[2]).toMatchObject({ type: 'told', data: { n: 0 }, recordedAt: expect.any(Temporal.Instant) });
    for (const pageSize of [1, 4, 5, 15, 16]) expect(await replay(tenant, { pageSize })).toEqual(all);
    expect(await replay(newId('ten'))).toEqual([]);
  });

  it('goes on from a position: what an earlier one has seen and what a later one sees is everything, once', async () => {
    const tenant = newId('ten');
    for (let n = 0; n < 3; n++) await append(tenant);
    const first = await replay(tenant);
    expect(await replay(tenant, { after: first.at(-1)?.position ?? 0n })).toEqual([]);
    await append(tenant);
    const second = await replay(tenant, { after: first.at(-1)?.position ?? 0n });
    expect(second).toHaveLength(1);
    expect(await replay(tenant)).toEqual([...first, ...second]);
  });

  it('does not overtake a transaction that has a lower position and has not committed', async () => {
    const tenant = newId('ten');
    const [early, late] = [newId('inv'), newId('inv')];
    const { promise: maySave, resolve: save } = Promise.withResolvers<void>();
    const { promise: hasPosition, resolve: markPosition } = Promise.withResolvers<void>();
    const saving = world.databases.withTenant(tenant, async (uow) => {
      await appendToStream(uow, early, 0, [told(1)]);
      markPosition();
      await maySave;
    });
    await hasPosition;
    await append(tenant, late);
    let replayed: RecordedEvent[] | undefined;
    const replaying = replay(tenant).then((events) => {
      replayed = events;
    });
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    let newcomer: Promise<void> | undefined;
    try {
      await eventually(async () => expect(await readers()).toBeGreaterThan(0));
      // Whoever comes now is not waited for, and does not keep the replay from its end.
      newcomer = world.databases.withTenant(tenant, async (uow) => {
        await appendToStream(uow, newId('inv'), 0, [told(1)]);
        await mayEnd;
      });
      await eventually(async () => expect(await writers()).toBe(2));
      expect(replayed).toBeUndefined();
      save();
      await saving;
      await replaying;
      expect(replayed?.map(({ streamId }) => streamId)).toEqual([uuidOf(early), uuidOf(late)]);
    } finally {
      save();
      end();
      await Promise.all([saving, newcomer]);
    }
  });

  it('loses nothing while twenty write: steps of a replay that goes on add up to all events, once, in order', async () => {
    const tenant = newId('ten');
    let isWriting = true;
    const writing = Promise.all(
      Array.from({ length: 20 }, async () => {
        const id = newId('inv');
        for (let version = 0; version < 15; version++)
          await world.databases.withTenant(tenant, (uow) => appendToStream(uow, id, version, [told(version + 1)]));
      }),
    ).finally(() => {
      isWriting = false;
    });
    const seen: RecordedEvent[] = [];
    let isLast = false;
    while (!isLast) {
      isLast = !isWriting;
      seen.push(...(await replay(tenant, { after: seen.at(-1)?.position ?? 0n, pageSize: 7 })));
    }
    await writing;
    expect(seen).toHaveLength(300);
    expect(seen).toEqual(await replay(tenant));
    for (const events of Map.groupBy(seen, ({ streamId }) => streamId).values())
      expect(events.map(({ version }) => version)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
  });

  it('may be left before its end', async () => {
    const tenant = newId('ten');
    for (let n = 0; n < 4; n++) await append(tenant);
    for await (const page of replayEvents(world.databases.withTenant, tenant, { pageSize: 1 })) {
      expect(page).toHaveLength(1);
      break;
    }
    expect(await replay(tenant)).toHaveLength(4);
  });
});

const writers = async (): Promise<number> =>
  (
    await world.sql<{ n: number }>(
      `select count(distinct virtualtransaction)::integer as n from pg_locks
       where relation = 'users.events'::regclass and mode = 'RowExclusiveLock' and granted`,
    )
  )[0]?.n ?? 0;

/** Those that have asked for the writers at least once. */
const readers = async (): Promise<number> =>
  (
    await world.sql<{ n: number }>(
      `select count(*)::integer as n from pg_stat_activity
       where datname = current_database() and query like '%virtualtransaction as writer%' and pid <> pg_backend_pid()`,
    )
  )[0]?.n ?? 0;
