import { newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { Problem, statusOf } from '@tenantry/kernel/problem.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { Databases } from '../factory.ts';
import type { TenantReader, TenantUnitOfWork } from '../unit-of-work.ts';
import { type Cut, openMessageCutter } from './message-cutter.ts';
import { type NotesTables, openTestDatabases, type TestDatabases } from './open-test-databases.ts';

let world: TestDatabases;
let cutter: Awaited<ReturnType<typeof openMessageCutter>>;
let databases: Databases<NotesTables>;
beforeAll(async () => {
  world = await openTestDatabases();
  cutter = await openMessageCutter(world.serviceUrl);
  databases = world.open(cutter.url);
});
afterAll(async () => {
  await databases.close();
  await cutter.close();
  await world.close();
});

const all = (reader: TenantReader<NotesTables>) => reader.sql.selectFrom('notes').selectAll().execute();
const insertion = (uow: TenantUnitOfWork<NotesTables>, text: string) =>
  uow.sql.insertInto('notes').values({ tenant_id: uow.tenantUuid, id: newUuid(), text });
const told = (uow: TenantUnitOfWork<NotesTables>) =>
  uow.sql.insertInto('outbox').values({
    id: newUuid(),
    tenant_id: uow.tenantUuid,
    aggregatetype: 'users.note',
    aggregateid: 'note',
    aggregateversion: 1,
    type: 'users.note.written.v1',
    payload: '{}',
    traceparent: '',
    occurred_at: uow.now,
  });
const outcome = (work: Promise<unknown>): Promise<'done' | 'nothing changed' | 'not known'> =>
  work.then(
    () => 'done' as const,
    (error: unknown) => {
      if (!(error instanceof Problem) || statusOf(error.kind) !== 503) throw error;
      return error.message.includes('may have been saved') ? 'not known' : 'nothing changed';
    },
  );
/** Nothing that was begun is left, neither here nor there. */
const nothingIsLeft = () =>
  eventually(async () =>
    expect(
      await world.sql(
        `select query from pg_stat_activity
         where usename = 'users_app' and datname = current_database() and xact_start is not null`,
      ),
    ).toEqual([]),
  );

// A flight is 6 messages to the server when all is prepared and 9 when nothing is; its answer is about as many.
const PLACES = Array.from({ length: 11 }, (_, afterMessages) => afterMessages);
const cutsOf = (side: Cut['side']): Cut[] => PLACES.map((afterMessages) => ({ side, afterMessages }));
const CUTS = [...cutsOf('request'), ...cutsOf('answer')];

describe('A connection that is lost between any two messages', () => {
  it.each(CUTS)('of a read ($side, after $afterMessages): its own rows, or a 503', async (cut) => {
    const [mine, other] = [newId('ten'), newId('ten')];
    await databases.withTenant(mine, (uow) => insertion(uow, 'mine').execute());
    await databases.withTenant(other, (uow) => insertion(uow, 'theirs').execute());
    cutter.arm(cut, (request) => request.includes(uuidOf(mine)));
    let rows: readonly { text: string }[] | null = null;
    const ended = await outcome(
      databases.withTenant.read(mine, all).then((read) => {
        rows = read;
      }),
    );
    if (ended === 'done') expect(rows).toMatchObject([{ text: 'mine' }]);
    else expect(ended).toBe('nothing changed');
    // Not a word had come back: then nothing speaks against asking again.
    if (cut.side === 'request' || cut.afterMessages === 0) expect(ended).toBe('done');
    const others = await Promise.all(Array.from({ length: 12 }, () => databases.withTenant.read(other, all)));
    expect(new Set(others.flat().map(({ text }) => text))).toEqual(new Set(['theirs']));
    await nothingIsLeft();
  });

  const written = async (tenant: TenantId, texts: readonly string[]) => {
    const rows = await databases.withTenant.read(tenant, all);
    const events = await world.sql('select 1 from users.outbox where tenant_id = $1', [uuidOf(tenant)]);
    // All of it or nothing of it, the event included.
    expect([rows.map(({ text }) => text).toSorted(), events.length]).toEqual(
      rows.length === 0 ? [[], 0] : [texts.toSorted(), 1],
    );
    return rows.length > 0;
  };
  const write = (tenant: TenantId) =>
    databases.withTenant(tenant, async (uow) => {
      await insertion(uow, 'first').execute();
      await insertion(uow, 'second').execute();
      uow.enqueue(told(uow));
    });

  it.each(CUTS)('of a first flight ($side, after $afterMessages): done on another, or nothing', async (cut) => {
    const tenant = newId('ten');
    const before = cutter.cuts();
    cutter.arm(cut, (request) => request.includes(uuidOf(tenant)));
    const ended = await outcome(write(tenant));
    expect(ended).not.toBe('not known');
    expect(await written(tenant, ['first', 'second'])).toBe(ended === 'done');
    if (cut.side === 'request') expect(ended).toBe('done');
    // BEGIN had been answered: that connection was alive, so it is not for us to guess what ended it.
    if (cut.side === 'answer' && cut.afterMessages >= 3 && cutter.cuts() > before)
      expect(ended).toBe('nothing changed');
    await nothingIsLeft();
  });

  it.each(CUTS)('of a flight in the middle ($side, after $afterMessages): nothing, and it says so', async (cut) => {
    const tenant = newId('ten');
    cutter.arm(cut, (request) => request.includes('second'));
    const before = cutter.cuts();
    const ended = await outcome(write(tenant));
    expect(ended).toBe(cutter.cuts() > before ? 'nothing changed' : 'done');
    expect(await written(tenant, ['first', 'second'])).toBe(ended === 'done');
    await nothingIsLeft();
  });

  it.each(CUTS)(
    'of the last flight ($side, after $afterMessages): all or nothing, and no claim to know',
    async (cut) => {
      const tenant = newId('ten');
      const before = cutter.cuts();
      cutter.arm(cut, (request) => request.includes('users.note.written.v1'));
      const ended = await outcome(write(tenant));
      expect(ended).toBe(cutter.cuts() > before ? 'not known' : 'done');
      const isSaved = await written(tenant, ['first', 'second']);
      if (ended === 'done') expect(isSaved).toBe(true);
      // The server never saw the COMMIT.
      if (cut.side === 'request' && cut.afterMessages <= 3) expect(isSaved).toBe(false);
      if (cut.side === 'answer')
        await eventually(async () => expect(await written(tenant, ['first', 'second'])).toBe(true));
      await nothingIsLeft();
    },
  );
});
