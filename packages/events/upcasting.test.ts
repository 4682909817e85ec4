import { event, upcastFrom } from '@tenantry/contract/event.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { arbitraryOf } from '@tenantry/contract/test/arbitrary-of.ts';
import { newId } from '@tenantry/kernel/id.ts';
import fc from 'fast-check';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../tests/support/eventually.ts';
import { on } from './subscription.ts';
import { takeNotes } from './test/note-taker.ts';
import { makeEnvelope, newSubject, openTestEvents, type TestEvents } from './test/open-test-events.ts';
import { hearingsOf } from './upcasting.ts';

const name1 = event('users.person.named.v1', Closed({ name: Type.String() }));
const name2 = event('users.person.named.v2', Closed({ given: Type.String(), family: Type.String() }), {
  upcast: upcastFrom(name1, ({ name }) => {
    const [given = '', ...rest] = name.split(' ');
    return { given, family: rest.join(' ') };
  }),
});
const name3 = event(
  'users.person.named.v3',
  Closed({ given: Type.String(), family: Type.Union([Type.String(), Type.Null()]) }),
  {
    upcast: upcastFrom(name2, ({ given, family }) => ({ given, family: family === '' ? null : family })),
  },
);
const nothing = async () => undefined;

describe('Whoever hears an event', () => {
  it('hears every older version of it as its own, whatever that said', () => {
    const hearings = hearingsOf([on(name3, nothing)]);
    expect([...hearings.keys()].toSorted()).toEqual([name1.type, name2.type, name3.type]);
    for (const older of [name1, name2, name3])
      fc.assert(
        fc.property(arbitraryOf(older.data), fc.nat(), (data, version) => {
          const told = makeEnvelope(older.type, newId('ten'), newSubject(), version, data);
          const heard = hearings.get(older.type)?.read(told);
          expect(Value.Check(name3.data, heard?.data)).toBe(true);
          expect(heard).toEqual({ ...told, type: name3.type, data: heard?.data });
        }),
      );
  });

  it('is told nothing different whichever steps its version was reached by', () => {
    const [read1, read2] = [name1, name2].map((older) => hearingsOf([on(name3, nothing)]).get(older.type)?.read);
    fc.assert(
      fc.property(fc.string(), (name) => {
        const told = makeEnvelope(name1.type, newId('ten'), newSubject(), 1, { name });
        const byHand = { ...told, type: name2.type, data: name2.upcast?.convert({ name }) };
        expect(read1?.(told)).toEqual(read2?.(byHand));
      }),
    );
  });

  it('hears an older version as it is where it says so', () => {
    const [old, latest] = [on(name2, nothing), on(name3, nothing)];
    const hearings = hearingsOf([latest, old]);
    expect(hearings.get(name2.type)?.subscription).toBe(old);
    expect(hearings.get(name1.type)?.subscription).toBe(latest);
  });
});

describe('A consumer of a new version', () => {
  let world: TestEvents;
  beforeAll(async () => {
    world = await openTestEvents();
  });
  afterAll(() => world.close());

  it('handles what was told before it and what is told now, in one order; what cannot be read is a dead letter', async () => {
    const taker = takeNotes(world);
    const older = event(taker.type, Closed({ n: Type.Integer() }));
    const newer = event(
      taker.type.replace('.v1', '.v2') as `${string}.${string}.${string}.v2`,
      Closed({ count: Type.String() }),
      {
        upcast: upcastFrom(older, ({ n }) => {
          if (n === 3) throw new RangeError('Three has no count.');
          return { count: `${n} of old` };
        }),
      },
    );
    const heard: string[] = [];
    const consumers = await taker.start({
      subscriptions: [on(newer, async (_uow, { type, data }) => void heard.push(`${type} ${data.count}`))],
      redeliveryDelaysMs: [],
    });
    const [tenant, subject] = [newId('ten'), newSubject()];
    try {
      for (const n of [1, 2, 3]) await world.publish(makeEnvelope(older.type, tenant, subject, n, { n }));
      await world.publish(makeEnvelope(newer.type, tenant, subject, 4, { count: 'new' }));
      const all = ['1 of old', '2 of old', 'new'].map((count) => `${newer.type} ${count}`);
      await eventually(() => expect(heard).toEqual(all));
      expect(await taker.deadLetters()).toMatchObject([{ cause: 'RangeError: Three has no count.' }]);
    } finally {
      await consumers.stop();
    }
  });
});
