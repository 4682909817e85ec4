import { event } from '@tenantry/contract/event.ts';
import { newId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { runAsAdmin } from '../../databases/test/open-test-databases.ts';
import { emit } from '../emit.ts';
import { type RelayOptions, startOutboxRelay } from '../outbox-relay.ts';
import { dieAfterCommit } from './dying-teller.ts';
import { newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

const noteWritten = event(
  'users.note.written.v1',
  Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }),
);

let world: TestEvents;
beforeAll(async () => {
  world = await openTestEvents();
});
afterAll(() => world.close());

const tenant: TenantId = newId('ten');
const tell = (subject: string, versions: readonly number[], text?: string, databases = world.databases) =>
  databases.withTenant(tenant, async (uow) => {
    for (const version of versions)
      await emit(uow, noteWritten, { subject, version, data: { n: version, ...(text === undefined ? {} : { text }) } });
  });
const NEVER_MS = 2 ** 31 - 1;
const startRelay = (errors: unknown[] = [], databases = world.databases, changes: Partial<RelayOptions> = {}) =>
  startOutboxRelay({
    service: 'users',
    pool: databases.workerPool,
    nats: world.nats,
    committed: databases.committed,
    onError: (error) => errors.push(error),
    ...changes,
  });
const published = async (subject: string) =>
  (await world.published()).filter(({ envelope }) => envelope.subject === subject);
const versionsOf = async (subject: string) =>
  (await published(subject)).map(({ envelope }) => envelope.aggregateversion);
const waiting = async () => (await world.sql<{ n: number }>('select count(*)::int as n from users.outbox'))[0]?.n;
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
const leaders = async () =>
  (
    await world.sql<{ pid: number }>(
      `select l.pid from pg_locks l join pg_database d on d.oid = l.database
       where l.locktype = 'advisory' and l.granted and d.datname = current_database()`,
    )
  ).map(({ pid }) => pid);

describe('The outbox relay', () => {
  it('publishes what was committed, and never what was not', async () => {
    const [told, untold] = [newSubject(), newSubject()];
    await tell(told, [1]);
    await world.databases
      .withTenant(tenant, async (uow) => {
        await emit(uow, noteWritten, { subject: untold, version: 1, data: { n: 1 } });
        throw new Error('undone');
      })
      .catch(() => undefined);
    const relay = startRelay();
    try {
      await tell(told, [2]);
      await eventually(async () => expect(await versionsOf(told)).toEqual([1, 2]));
      await eventually(async () => expect(await waiting()).toBe(0));
      expect(await published(untold)).toEqual([]);
    } finally {
      await relay.stop();
    }
  });

  it('wraps a fact in a CloudEvents 1.0 envelope, on the subject of its type and tenant, under its own id', async () => {
    const subject = newSubject();
    const relay = startRelay();
    try {
      const at = await world.databases.withTenant(tenant, async (uow) => {
        await emit(uow, noteWritten, { subject, version: 7, data: { n: 7, text: 'Žlutý "kůň"' } });
        return uow.now;
      });
      const [fact] = await eventually(async () => {
        const found = await published(subject);
        expect(found).toHaveLength(1);
        return found;
      });
      expect(fact?.envelope).toEqual({
        specversion: '1.0',
        id: expect.stringMatching(/^evt_[0-7][0-9a-z]{25}$/),
        source: '/tenantry/users',
        type: 'users.note.written.v1',
        subject,
        time: at.toString({ smallestUnit: 'millisecond' }),
        datacontenttype: 'application/json',
        tenantid: tenant,
        aggregateversion: 7,
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        data: { n: 7, text: 'Žlutý "kůň"' },
      });
      // CloudEvents 1.0 §"Naming conventions": attribute names are lower-case letters and digits.
      for (const name of Object.keys(fact?.envelope ?? {})) expect(name).toMatch(/^[a-z0-9]+$/);
      expect(fact?.subject).toBe(`${world.namespace}.evt.users.note.written.v1.${tenant}`);
      expect(fact?.messageId).toBe(fact?.envelope.id);
    } finally {
      await relay.stop();
    }
  });

  it('keeps the order of each aggregate through bursts of many transactions', async () => {
    const subjects = upTo(4).map(newSubject);
    const relay = startRelay();
    try {
      await Promise.all(
        subjects.map(async (subject) => {
          for (let version = 1; version <= 60; version += 3) await tell(subject, [version, version + 1, version + 2]);
        }),
      );
      await eventually(async () => expect(await waiting()).toBe(0));
      for (const subject of subjects) expect(await versionsOf(subject)).toEqual(upTo(60));
    } finally {
      await relay.stop();
    }
  });

  it('is led by one of two; when its connection is killed the other goes on, and nothing comes twice', async () => {
    const second = world.open();
    const relays = [startRelay(), startRelay([], second)];
    try {
      const subject = newSubject();
      const [first] = await eventually(async () => {
        const pids = await leaders();
        expect(pids).toHaveLength(1);
        return pids;
      });
      await tell(subject, [1, 2, 3]);
      await eventually(async () => expect(await versionsOf(subject)).toEqual([1, 2, 3]));
      await world.sql('select pg_terminate_backend($1)', [first]);
      await tell(subject, [4, 5, 6]);
      await eventually(async () => expect(await versionsOf(subject)).toEqual(upTo(6)));
      const now = await eventually(async () => {
        const pids = await leaders();
        expect(pids).toHaveLength(1);
        return pids;
      });
      expect(now).not.toEqual([first]);
    } finally {
      await Promise.all(relays.map((relay) => relay.stop()));
      await second.close();
    }
    await eventually(async () => expect(await leaders()).toEqual([]));
  });

  it('hears of a commit in its own process and in another, without ever looking by itself', async () => {
    const second = world.open();
    const options = { lookMs: NEVER_MS };
    const relays = [startRelay([], world.databases, options)];
    try {
      await eventually(async () => expect(await leaders()).toHaveLength(1));
      relays.push(startRelay([], second, options));
      const [own, other] = [newSubject(), newSubject()];
      for (const version of upTo(5)) {
        await tell(own, [version]);
        await eventually(async () => expect(await versionsOf(own)).toEqual(upTo(version)));
        await tell(other, [version], undefined, second);
        await eventually(async () => expect(await versionsOf(other)).toEqual(upTo(version)));
      }
    } finally {
      await Promise.all(relays.map((relay) => relay.stop()));
      await second.close();
    }
  });

  it('finds what nobody told it of', async () => {
    const second = world.open();
    const relay = startRelay();
    try {
      const subject = newSubject();
      await eventually(async () => expect(await leaders()).toHaveLength(1));
      await tell(subject, [1], undefined, second);
      await eventually(async () => expect(await versionsOf(subject)).toEqual([1]));
    } finally {
      await relay.stop();
      await second.close();
    }
  });

  it('publishes what a process committed that was killed with SIGKILL before it could tell anybody', async () => {
    const relay = startRelay();
    try {
      await eventually(async () => expect(await leaders()).toHaveLength(1));
      const subject = newSubject();
      const [signal] = await dieAfterCommit(world, tenant, subject);
      expect(signal).toBe('SIGKILL');
      await eventually(async () => expect(await versionsOf(subject)).toEqual([1]));
    } finally {
      await relay.stop();
    }
  });

  it('that ends between publishing and deleting publishes again under the same id, which the server drops', async () => {
    const subject = newSubject();
    const errors: unknown[] = [];
    await runAsAdmin(world.adminUrl, 'revoke delete on users.outbox from users_worker');
    const dying = startRelay(errors);
    await tell(subject, [1, 2]);
    await eventually(() => expect(errors.length).toBeGreaterThan(0));
    await dying.stop();
    expect(await versionsOf(subject)).toEqual([1, 2]);
    expect(await waiting()).toBe(2);
    await runAsAdmin(world.adminUrl, 'grant delete on users.outbox to users_worker');
    const relay = startRelay();
    try {
      await eventually(async () => expect(await waiting()).toBe(0));
      expect(await versionsOf(subject)).toEqual([1, 2]);
    } finally {
      await relay.stop();
    }
  });

  it('holds one aggregate back when a fact of it is refused, never the others', async () => {
    const [stuck, free] = [newSubject(), newSubject()];
    const errors: unknown[] = [];
    const relay = startRelay(errors);
    try {
      // More than a server takes in one message (max_payload, 1 MB unless configured).
      await tell(stuck, [1], 'x'.repeat(1_200_000));
      await tell(stuck, [2]);
      await tell(free, [1, 2]);
      await eventually(async () => expect(await versionsOf(free)).toEqual([1, 2]));
      await eventually(() => expect(errors.length).toBeGreaterThan(0));
      expect(await versionsOf(stuck)).toEqual([]);
      await world.sql('delete from users.outbox where aggregateid = $1 and aggregateversion = 1', [stuck]);
      await eventually(async () => expect(await versionsOf(stuck)).toEqual([2]));
    } finally {
      await relay.stop();
    }
  });

  it('gets to the others however much waits behind facts that are refused, and however many of those there are', async () => {
    const [stuck, free] = [upTo(3).map(newSubject), newSubject()];
    const relay = startRelay();
    try {
      for (const subject of stuck) {
        await tell(subject, [1], 'x'.repeat(1_200_000));
        await tell(subject, upTo(300).slice(1));
      }
      await tell(free, [1, 2]);
      await eventually(async () => expect(await versionsOf(free)).toEqual([1, 2]));
      for (const subject of stuck) expect(await versionsOf(subject)).toEqual([]);
      await world.sql('delete from users.outbox where aggregateversion = 1');
      await eventually(async () => expect(await waiting()).toBe(0));
      for (const subject of stuck) expect(await versionsOf(subject)).toEqual(upTo(300).slice(1));
    } finally {
      await relay.stop();
      await world.sql('delete from users.outbox');
    }
  }, 60_000);

  it('leaves nothing of a tenant where another could read it', async () => {
    await tell(newSubject(), [1]);
    await expect(
      world.databases.withTenant(newId('ten'), (uow) => uow.sql.selectFrom('outbox').selectAll().execute()),
    ).rejects.toMatchObject({ code: '42501' });
    expect((await world.sql('select 1 from users.outbox where tenant_id = $1', [uuidOf(tenant)])).length).toBe(1);
  });
});
