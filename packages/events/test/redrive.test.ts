import { idFromUuid, newId, newUuid, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { conflict } from '@tenantry/kernel/problems.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { listDeadLetters, purgeDeadLetters } from '../dead-letters.ts';
import { startOutboxRelay } from '../outbox-relay.ts';
import { redriveDeadLetter } from '../redrive.ts';
import { type Handle, takeNotes } from './note-taker.ts';
import { newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

let world: TestEvents;
beforeAll(async () => {
  world = await openTestEvents();
});
afterAll(() => world.close());

const refuse: Handle = () => Promise.reject(conflict('This invoice is void.'));
const accept: Handle = () => Promise.resolve();
const startRelay = () =>
  startOutboxRelay({
    service: 'users',
    pool: world.databases.workerPool,
    nats: world.nats,
    onError: () => undefined,
  });
const lettersOf = (tenant: TenantId) =>
  world.databases.withTenant(tenant, (uow) => listDeadLetters(uow, {}, { beforeUuid: null, limit: 10 }));
const redrive = (tenant: TenantId, uuid: string) =>
  world.databases.withTenant(tenant, (uow) => redriveDeadLetter(uow, uuid));
const outbox = () => world.sql<{ id: string; redrive: unknown }>('select id, redrive from users.outbox');

/** A letter of an event that was refused; whoever asks decides what becomes of it the next time. */
async function openLetter() {
  const taker = takeNotes(world, refuse);
  const [tenant, subject] = [newId('ten'), newSubject()];
  const envelope = taker.envelope(tenant, subject, 1);
  const consumers = await taker.start({ redeliveryDelaysMs: [10] });
  await world.publish(envelope);
  await eventually(async () => expect(await lettersOf(tenant)).toHaveLength(1));
  return { taker, tenant, subject, envelope, uuid: uuidOf(envelope.id as `evt_${string}`), consumers };
}

describe('Driving a dead letter again', () => {
  it('sends it as a new message to its own consumer only, and remembers how it went', async () => {
    const { taker, tenant, subject, envelope, uuid, consumers } = await openLetter();
    // Another service that has had the event already, and must not have it twice.
    const heardElsewhere: string[] = [];
    const other = await taker.start({
      service: 'billing',
      subscriptions: [
        { event: taker.subscription.event, handle: async (_uow, event) => void heardElsewhere.push(event.id) },
      ],
    });
    const relay = startRelay();
    try {
      await eventually(() => expect(heardElsewhere).toEqual([envelope.id]));
      taker.handleWith(accept);
      const sent = await redrive(tenant, uuid);
      expect(sent).toMatchObject({ isSent: true, letter: { state: 'redriving', redrives: 1 } });
      await eventually(async () => expect(await lettersOf(tenant)).toMatchObject([{ state: 'handled', redrives: 1 }]));
      expect(await taker.notes()).toEqual([taker.label(subject, 1)]);
      const published = (await world.published()).filter((message) => message.envelope.subject === subject);
      expect(published).toHaveLength(2);
      expect(published[1]?.messageId).not.toBe(envelope.id);
      expect(published[1]?.envelope).toEqual({
        ...envelope,
        id: published[1]?.messageId,
        redriveof: envelope.id,
        redrivefor: taker.durable,
      });
      // Something that comes after it, so that it would have been heard by now.
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(() => expect(heardElsewhere).toHaveLength(2));
      expect(await redrive(tenant, uuid)).toMatchObject({ isSent: false, letter: { state: 'handled' } });
      expect(await outbox()).toEqual([]);
    } finally {
      await Promise.all([relay.stop(), consumers.stop(), other.stop()]);
    }
  });

  it('by many at once sends it once', async () => {
    const { tenant, uuid, consumers } = await openLetter();
    await consumers.stop();
    const answers = await Promise.all(Array.from({ length: 8 }, () => redrive(tenant, uuid)));
    expect(answers.filter((answer) => answer?.isSent)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer?.letter.redrives))).toEqual(new Set([1]));
    const rows = await outbox();
    expect(rows).toHaveLength(1);
    await world.sql('delete from users.outbox');
  });

  it('leaves neither half when the process ends before its commit', async () => {
    const { tenant, uuid, consumers } = await openLetter();
    await consumers.stop();
    const died = world.databases.withTenant(tenant, async (uow) => {
      await redriveDeadLetter(uow, uuid);
      throw new Error('killed here');
    });
    await expect(died).rejects.toThrow('killed here');
    expect(await lettersOf(tenant)).toMatchObject([{ state: 'dead', redrives: 0 }]);
    expect(await outbox()).toEqual([]);
  });

  it('that was published but not marked so by a relay that died has one effect', async () => {
    const { taker, tenant, subject, uuid, consumers } = await openLetter();
    taker.handleWith(accept);
    await redrive(tenant, uuid);
    const relay = startRelay();
    await eventually(async () => expect(await lettersOf(tenant)).toMatchObject([{ state: 'handled' }]));
    await relay.stop();
    // Published once more, as by a relay that was killed before it deleted the row, when the server no longer knows the id.
    const redriven = (await world.published()).find(
      ({ envelope }) => envelope.subject === subject && envelope.redriveof !== undefined,
    );
    if (redriven === undefined) throw new Error('Nothing was published.');
    try {
      await world.publish(redriven.envelope);
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(async () => expect((await taker.notes()).length).toBeGreaterThan(1));
      expect(await taker.notes()).toEqual([taker.label(subject, 1), taker.label(subject, 2)]);
    } finally {
      await consumers.stop();
    }
  });

  it('that fails again is the same letter, with the new cause, and can be driven again', async () => {
    const { taker, tenant, uuid, consumers } = await openLetter();
    const relay = startRelay();
    try {
      taker.handleWith(() => Promise.reject(conflict('Still void.')));
      await redrive(tenant, uuid);
      await eventually(async () =>
        expect(await lettersOf(tenant)).toMatchObject([
          { uuid, state: 'dead', redrives: 1, cause: 'Problem: Still void.' },
        ]),
      );
      taker.handleWith(accept);
      await redrive(tenant, uuid);
      await eventually(async () => expect(await lettersOf(tenant)).toMatchObject([{ state: 'handled', redrives: 2 }]));
      expect(await taker.notes()).toHaveLength(1);
    } finally {
      await Promise.all([relay.stop(), consumers.stop()]);
    }
  });

  it('that is purged on its way has no effect', async () => {
    const { taker, tenant, subject, uuid, consumers } = await openLetter();
    taker.handleWith(accept);
    await redrive(tenant, uuid);
    expect(await world.databases.withTenant(tenant, (uow) => purgeDeadLetters(uow, {}, [uuid]))).toEqual([uuid]);
    const relay = startRelay();
    try {
      await eventually(async () => expect(await outbox()).toEqual([]));
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 2)]));
      expect(await lettersOf(tenant)).toEqual([]);
    } finally {
      await Promise.all([relay.stop(), consumers.stop()]);
    }
  });

  it('that was lost with the files of NATS can be sent again after half an hour; the lost one then changes nothing', async () => {
    const { taker, tenant, subject, envelope, uuid, consumers } = await openLetter();
    taker.handleWith(accept);
    await redrive(tenant, uuid);
    const [lost] = await outbox();
    if (lost === undefined) throw new Error('Nothing was written down.');
    await world.sql('delete from users.outbox');
    expect(await redrive(tenant, uuid)).toMatchObject({ isSent: false, letter: { state: 'redriving' } });
    await world.sql(`update users.dead_letters set redriven_at = redriven_at - interval '31 minutes' where id = $1`, [
      uuid,
    ]);
    expect(await redrive(tenant, uuid)).toMatchObject({ isSent: true, letter: { redrives: 2 } });
    const message = { ...envelope, id: idFromUuid('evt', lost.id) };
    await world.publish({ ...message, redriveof: envelope.id, redrivefor: taker.durable });
    await world.publish(taker.envelope(tenant, subject, 2));
    await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 2)]));
    expect(await lettersOf(tenant)).toMatchObject([{ state: 'redriving', redrives: 2 }]);
    const relay = startRelay();
    try {
      await eventually(async () => expect(await lettersOf(tenant)).toMatchObject([{ state: 'handled', redrives: 2 }]));
      expect(await taker.notes()).toEqual([taker.label(subject, 2), taker.label(subject, 1)]);
    } finally {
      await Promise.all([relay.stop(), consumers.stop()]);
    }
  });

  it("of another tenant, or of nobody's, finds nothing", async () => {
    const { tenant, uuid, consumers } = await openLetter();
    await consumers.stop();
    expect(await redrive(newId('ten'), uuid)).toBeNull();
    expect(await redrive(tenant, newUuid())).toBeNull();
    expect(await outbox()).toEqual([]);
  });
});
