import { event } from '@tenantry/contract/event.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { sql } from 'kysely';
import { Type } from 'typebox';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { startConsumers } from '../consumer.ts';
import { emit } from '../emit.ts';
import { startOutboxRelay } from '../outbox-relay.ts';
import { openStateWriter, watchState } from '../pushed-state.ts';
import { on } from '../subscription.ts';
import { newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';
import { openPrivateNats } from './private-nats.ts';

const noteWritten = event('users.note.written.v1', Type.Object({ n: Type.Integer() }));
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

let server: Awaited<ReturnType<typeof openPrivateNats>>;
let world: TestEvents;
const handled = new Map<string, number[]>();
const stops: (() => Promise<void>)[] = [];
const tenant = newId('ten');

beforeAll(async () => {
  server = await openPrivateNats();
  world = await openTestEvents(server.url);
  const { databases, nats } = world;
  const relay = startOutboxRelay({
    service: 'users',
    pool: databases.workerPool,
    nats,
    onError: () => undefined,
  });
  const consumers = await startConsumers({
    service: 'users',
    nats,
    withTenant: databases.withTenant,
    pool: databases.workerPool,
    subscriptions: [
      on(noteWritten, async (uow, { subject, data }) => {
        // Where a killed server has forgotten that this was handled, its first statement finds it out; see inbox.ts.
        await sql`select 1`.execute(uow.sql);
        handled.set(subject, [...(handled.get(subject) ?? []), data.n]);
      }),
    ],
    onError: () => undefined,
  });
  stops.push(consumers.stop, relay.stop);
});
afterAll(async () => {
  for (const stop of stops) await stop();
  await world.close();
  await server.close();
});

const tell = (subject: string, n: number) =>
  world.databases.withTenant(tenant, (uow) => emit(uow, noteWritten, { subject, version: n, data: { n } }));
const waiting = async () => (await world.sql<{ n: number }>('select count(*)::int as n from users.outbox'))[0]?.n;

it('while NATS is killed commits go on and the outbox grows; when it is back everything comes once and in order', async () => {
  const subjects = upTo(3).map(newSubject);
  for (const subject of subjects) await tell(subject, 1);
  await eventually(() => expect(subjects.map((subject) => handled.get(subject))).toEqual([[1], [1], [1]]));
  await eventually(async () => expect(await waiting()).toBe(0));
  await server.kill();
  for (const n of upTo(20).slice(1)) for (const subject of subjects) await tell(subject, n);
  expect(await waiting()).toBe(57);
  await server.restart();
  await eventually(() => {
    for (const subject of subjects) expect(handled.get(subject)).toEqual(upTo(20));
  });
  await eventually(async () => expect(await waiting()).toBe(0));
});

it('pushed state is known while NATS is killed, and the watch goes on when it is back', async () => {
  const bucket = { bucket: 'outage' };
  const writer = await openStateWriter<string>(world.nats, bucket);
  await writer.put('a', 'before');
  const state = await watchState<string>(world.nats, bucket);
  await server.kill();
  expect(state.get('a')).toBe('before');
  expect(await state.refresh('a')).toBe('before');
  await server.restart();
  await eventually(() => writer.put('b', 'after'));
  await eventually(() => expect(state.get('b')).toBe('after'));
  await writer.remove('a');
  await eventually(() => expect(state.get('a')).toBeUndefined());
  await state.close();
});

it('a NATS that comes back without its files is filled again', async () => {
  const subject = newSubject();
  const state = await watchState<string>(world.nats, { bucket: 'outage' });
  expect(state.get('b')).toBe('after');
  await server.kill();
  server.loseFiles();
  await tell(subject, 1);
  await server.restart();
  await eventually(() => expect(handled.get(subject)).toEqual([1]));
  await tell(subject, 2);
  await eventually(() => expect(handled.get(subject)).toEqual([1, 2]));
  await eventually(() => expect([...state.entries()]).toEqual([]));
  const writer = await openStateWriter<string>(world.nats, { bucket: 'outage' });
  await writer.put('c', 'new');
  await eventually(() => expect(state.get('c')).toBe('new'));
  await state.close();
});
