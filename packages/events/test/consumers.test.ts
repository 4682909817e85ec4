import { databaseUnavailable } from '@tenantry/databases/postgres/errors.ts';
import { newId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { conflict } from '@tenantry/kernel/problems.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { NotesTables } from '../../databases/test/open-test-databases.ts';
import { listDeadLetters } from '../dead-letters.ts';
import { aggregateSubjects, streamName } from '../subjects.ts';
import { on } from '../subscription.ts';
import { takeNotes } from './note-taker.ts';
import { makeEnvelope, newSubject, openTestEvents, type TestEvents } from './open-test-events.ts';

let world: TestEvents;
beforeAll(async () => {
  world = await openTestEvents();
});
afterAll(() => world.close());

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
const lettersOf = (tenant: TenantId) =>
  world.databases.withTenant(tenant, (uow) => listDeadLetters(uow, {}, { beforeUuid: null, limit: 10 }));
const consumerInfo = (durable: string) =>
  world.nats.manager.consumers.info(streamName(world.namespace, 'users'), durable);

describe('An event', () => {
  it('has its effect once, however often it arrives', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const envelope = taker.envelope(tenant, subject, 1);
    for (let i = 0; i < 3; i++) await world.publish(envelope);
    const consumers = await taker.start();
    try {
      await world.publish(envelope);
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(async () => expect(await taker.notes()).toHaveLength(2));
      await eventually(async () => expect((await consumerInfo(taker.durable)).num_ack_pending).toBe(0));
      expect(await taker.notes()).toEqual([taker.label(subject, 1), taker.label(subject, 2)]);
      expect(taker.errors).toEqual([]);
    } finally {
      await consumers.stop();
    }
  });

  it('that comes twice has its effect once, also where its handler fails first or makes nothing of what it is told', async () => {
    let isSecond = false;
    const taker = takeNotes(world);
    const [tenant, hasty, stubborn] = [newId('ten'), newSubject(), newSubject()];
    // What a first delivery runs before the inbox is heard.
    const subscription = on<typeof taker.definition, NotesTables>(taker.definition, async (uow, envelope) => {
      if (isSecond && envelope.subject === hasty) throw new Error('before its first statement');
      await taker.subscription.handle(uow, envelope).catch((error: unknown) => {
        if (envelope.subject !== stubborn) throw error;
      });
    });
    const consumers = await taker.start({ subscriptions: [subscription], redeliveryDelaysMs: [10] });
    try {
      const envelopes = [hasty, stubborn].map((subject) => taker.envelope(tenant, subject, 1));
      for (const envelope of envelopes) await world.publish(envelope);
      await eventually(async () => expect(await taker.notes()).toHaveLength(2));
      isSecond = true;
      for (const envelope of envelopes) await world.publish(envelope);
      await eventually(async () => {
        const { num_ack_pending, num_pending } = await consumerInfo(taker.durable);
        expect([num_ack_pending, num_pending]).toEqual([0, 0]);
      });
      expect(await taker.notes()).toHaveLength(2);
      expect(await taker.deadLetters()).toEqual([]);
      expect(taker.errors).toMatchObject([{ error: { message: 'before its first statement' } }]);
    } finally {
      await consumers.stop();
    }
  });

  it('whose handler fails after it has written leaves nothing, and is tried again after growing waits', async () => {
    const attemptsAt: number[] = [];
    const taker = takeNotes(world, async () => {
      attemptsAt.push(performance.now());
      if (attemptsAt.length < 4) throw new Error('not yet');
    });
    const consumers = await taker.start({ redeliveryDelaysMs: [40, 80, 160] });
    try {
      await world.publish(taker.envelope(newId('ten'), newSubject(), 1));
      await eventually(async () => expect(await taker.notes()).toHaveLength(1));
      const waits = attemptsAt.slice(1).map((at, index) => at - (attemptsAt[index] ?? 0));
      // The server never delivers before the wait has passed; a millisecond is lost between two clocks.
      for (const [index, leastMs] of [40, 80, 160].entries()) expect(waits[index]).toBeGreaterThan(leastMs - 2);
      expect(await taker.deadLetters()).toEqual([]);
    } finally {
      await consumers.stop();
    }
  });

  it.each([
    [
      'throws before its first await',
      () => {
        throw new TypeError('at once');
      },
    ],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['rejects with a text', () => Promise.reject('just a text')],
  ])('whose handler %s is an event that fails, and no more than that', async (_how, crash) => {
    const taker = takeNotes(world, crash as () => Promise<void>);
    const [tenant, bad, good] = [newId('ten'), newSubject(), newSubject()];
    const consumers = await taker.start({ redeliveryDelaysMs: [10] });
    try {
      await world.publish(taker.envelope(tenant, bad, 1));
      await eventually(async () => expect(await taker.deadLetters()).toHaveLength(1));
      taker.handleWith(async () => undefined);
      await world.publish(taker.envelope(tenant, good, 1));
      await eventually(async () => expect(await taker.notes()).toEqual([taker.label(good, 1)]));
    } finally {
      await consumers.stop();
    }
  });

  it('that nobody subscribed to is passed over', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const consumers = await taker.start();
    try {
      await world.publish(makeEnvelope(taker.type.replace('written', 'erased'), tenant, subject, 1));
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 2)]));
      await eventually(async () => expect((await consumerInfo(taker.durable)).num_ack_pending).toBe(0));
    } finally {
      await consumers.stop();
    }
  });
});

describe('Events of one aggregate', () => {
  it('wait behind one that fails, keep their order among themselves, and newer ones do not overtake them', async () => {
    let failures = 0;
    const taker = takeNotes(world, async (_uow, { aggregateversion }) => {
      if (aggregateversion === 1 && ++failures <= 3) throw new Error('not yet');
    });
    const [tenant, subject] = [newId('ten'), newSubject()];
    const consumers = await taker.start();
    try {
      for (const version of upTo(6)) await world.publish(taker.envelope(tenant, subject, version));
      // The moment the first has succeeded, while the others are still away with the server.
      await eventually(async () => expect((await taker.notes()).length).toBeGreaterThan(0));
      for (const version of [7, 8]) await world.publish(taker.envelope(tenant, subject, version));
      await eventually(async () => expect(await taker.notes()).toHaveLength(8));
      expect(taker.handled).toEqual(upTo(8).map((version) => taker.label(subject, version)));
    } finally {
      await consumers.stop();
    }
  });

  it('are handled in order whatever fails, in many aggregates at a time', async () => {
    const failed = new Set<string>();
    const taker = takeNotes(world, async (_uow, { id, aggregateversion }) => {
      if (aggregateversion % 3 !== 1 || failed.has(id)) return;
      failed.add(id);
      throw new Error('the first attempt');
    });
    const tenant = newId('ten');
    const subjects = upTo(8).map(newSubject);
    const consumers = await taker.start({ redeliveryDelaysMs: [20, 40, 60] });
    try {
      for (const version of upTo(10))
        await Promise.all(subjects.map((subject) => world.publish(taker.envelope(tenant, subject, version))));
      await eventually(async () => expect(await taker.notes()).toHaveLength(80), 20_000);
      for (const subject of subjects)
        expect(taker.handled.filter((label) => label.includes(subject))).toEqual(
          upTo(10).map((version) => taker.label(subject, version)),
        );
    } finally {
      await consumers.stop();
    }
  });

  it('do not hold up those of another: two handlers that need each other both end', async () => {
    const meeting = new Map(['a', 'b'].map((name) => [name, Promise.withResolvers<void>()]));
    const taker = takeNotes(world, async (_uow, { subject }) => {
      const [own, other] = subject.startsWith('a') ? ['a', 'b'] : ['b', 'a'];
      meeting.get(own)?.resolve();
      await meeting.get(other)?.promise;
    });
    const tenant = newId('ten');
    const consumers = await taker.start();
    try {
      await world.publish(taker.envelope(tenant, 'a', 1));
      await world.publish(taker.envelope(tenant, 'b', 1));
      await eventually(async () => expect(await taker.notes()).toHaveLength(2));
    } finally {
      await consumers.stop();
    }
  });
});

describe('A dead letter', () => {
  it('is made at once, with its cause, of what trying again cannot help; the aggregate goes on', async () => {
    const taker = takeNotes(world, async (_uow, { aggregateversion }) => {
      if (aggregateversion === 1) throw conflict('This invoice is void.');
    });
    const [tenant, subject] = [newId('ten'), newSubject()];
    const consumers = await taker.start();
    try {
      const envelope = taker.envelope(tenant, subject, 1);
      await world.publish(envelope);
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 2)]));
      expect(await lettersOf(tenant)).toEqual([
        {
          uuid: uuidOf(envelope.id as `evt_${string}`),
          consumer: taker.durable,
          event: envelope,
          cause: 'Problem: This invoice is void.',
          attempts: 1,
          diedAt: expect.any(Temporal.Instant),
          state: 'dead',
          redrives: 0,
          redrivenAt: null,
          handledAt: null,
        },
      ]);
      expect(await lettersOf(newId('ten'))).toEqual([]);
      expect((await consumerInfo(taker.durable)).num_ack_pending).toBe(0);
    } finally {
      await consumers.stop();
    }
  });

  it('is made after the last attempt', async () => {
    const taker = takeNotes(world, () => Promise.reject(new Error('still broken')));
    const consumers = await taker.start({ redeliveryDelaysMs: [10, 20] });
    try {
      await world.publish(taker.envelope(newId('ten'), newSubject(), 1));
      await eventually(async () =>
        expect(await taker.deadLetters()).toMatchObject([{ attempts: 3, cause: 'Error: still broken' }]),
      );
    } finally {
      await consumers.stop();
    }
  });

  it('is made of an event whose handler never ends, which keeps neither a connection nor the others waiting', async () => {
    const never = new Promise<void>(() => undefined);
    const taker = takeNotes(world, (_uow, { aggregateversion }) =>
      aggregateversion === 1 ? never : Promise.resolve(),
    );
    const [tenant, subject] = [newId('ten'), newSubject()];
    // More attempts than the pool has connections.
    const consumers = await taker.start({
      redeliveryDelaysMs: Array.from({ length: 11 }, () => 5),
      handlerTimeoutMs: 30,
    });
    try {
      for (const version of [1, 2]) await world.publish(taker.envelope(tenant, subject, version));
      await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 2)]), 20_000);
      expect(await taker.deadLetters()).toMatchObject([
        { attempts: 12, cause: 'TimeoutError: The handler did not end within 0.03 s.' },
      ]);
    } finally {
      await consumers.stop();
    }
  });

  it('that comes back, for its burial was not acknowledged, is neither tried nor buried again', async () => {
    let calls = 0;
    const taker = takeNotes(world, async () => {
      calls++;
      throw conflict('This invoice is void.');
    });
    const [tenant, subject] = [newId('ten'), newSubject()];
    const envelope = taker.envelope(tenant, subject, 1);
    const consumers = await taker.start();
    try {
      for (let i = 0; i < 3; i++) await world.publish(envelope);
      await world.publish(taker.envelope(tenant, newSubject(), 1));
      await eventually(async () => expect(await taker.deadLetters()).toHaveLength(2));
      expect(calls).toBe(2);
    } finally {
      await consumers.stop();
    }
  });

  it('is not made of an event that only met a database that was away, however long', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    let outages = 0;
    const consumers = await taker.start({
      redeliveryDelaysMs: [],
      withTenant: (tenantId, work) =>
        ++outages <= 3
          ? Promise.reject(databaseUnavailable(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })))
          : world.databases.withTenant(tenantId, work),
    });
    try {
      await world.publish(taker.envelope(tenant, subject, 1));
      await world.publish(taker.envelope(tenant, subject, 2));
      await eventually(async () => expect(await taker.notes()).toHaveLength(2), 20_000);
      expect(taker.handled).toEqual([taker.label(subject, 1), taker.label(subject, 2)]);
      expect(await taker.deadLetters()).toEqual([]);
    } finally {
      await consumers.stop();
    }
  });
});

describe('A message that is no event', () => {
  it('is told of and put away, and stops nobody', async () => {
    const taker = takeNotes(world);
    const [tenant, subject] = [newId('ten'), newSubject()];
    const good = taker.envelope(tenant, subject, 1);
    const onto = aggregateSubjects(world.namespace, 'users', taker.type.split('.')[1] ?? '').replace(
      '>',
      'written.v1.x',
    );
    const consumers = await taker.start();
    try {
      const wrong: (string | Uint8Array)[] = [
        '',
        'not JSON',
        'null',
        '[]',
        '{"id":1}',
        new Uint8Array([0xff, 0xfe]),
        ...[{ id: 'evt_1' }, { tenantid: 'ten_nobody' }, { tenantid: null }, { type: 7 }, { subject: null }].map(
          (fault) => JSON.stringify({ ...good, ...fault }),
        ),
      ];
      for (const payload of wrong) await world.nats.jetstream.publish(onto, payload);
      await world.publish(good);
      await eventually(async () => expect(await taker.notes()).toEqual([taker.label(subject, 1)]));
      await eventually(async () => expect((await consumerInfo(taker.durable)).num_ack_pending).toBe(0));
      expect(taker.errors).toHaveLength(wrong.length);
      expect(await taker.deadLetters()).toEqual([]);
    } finally {
      await consumers.stop();
    }
  });
});
