import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AggregateOrder } from './aggregate-order.ts';

describe('The order of an aggregate', () => {
  it('puts an event behind every earlier one that is not done, and before no other aggregate', () => {
    const order = new AggregateOrder(() => 1_000);
    expect(order.waitsUntilMs('a', 5)).toBeUndefined();
    order.hold('a', 5, { untilMs: 2_000, attempts: 1 });
    order.hold('a', 7, { untilMs: 2_050, attempts: 0 });
    expect(order.waitsUntilMs('a', 5)).toBeUndefined();
    expect(order.waitsUntilMs('a', 7)).toBe(2_000);
    expect(order.waitsUntilMs('a', 9)).toBe(2_000);
    expect(order.waitsUntilMs('b', 9)).toBeUndefined();
    order.release('a', 5);
    expect(order.waitsUntilMs('a', 7)).toBeUndefined();
    expect(order.waitsUntilMs('a', 9)).toBe(2_050);
    order.release('a', 7);
    order.release('a', 9);
    expect(order.waitsUntilMs('a', 9)).toBeUndefined();
  });

  it('remembers the attempts of each event until it is done', () => {
    const order = new AggregateOrder(() => 0);
    order.hold('a', 1, { untilMs: 0, attempts: 2 });
    expect([order.attempts('a', 1), order.attempts('a', 2), order.attempts('b', 1)]).toEqual([2, 0, 0]);
    order.release('a', 1);
    expect(order.attempts('a', 1)).toBe(0);
  });

  it('does not wait for ever for one that never comes back', () => {
    let nowMs = 0;
    const order = new AggregateOrder(() => nowMs);
    order.hold('a', 1, { untilMs: 100, attempts: 1 });
    nowMs = 60_100;
    expect(order.waitsUntilMs('a', 2)).toBe(100);
    nowMs = 60_101;
    expect(order.waitsUntilMs('a', 2)).toBeUndefined();
  });

  it('is the same for any history, whatever comes first, comes again, is done or forgotten', () => {
    const step = fc.record({
      kind: fc.constantFrom('hold', 'release', 'ask'),
      aggregate: fc.constantFrom('a', 'b'),
      sequence: fc.integer({ min: 1, max: 12 }),
      waitMs: fc.integer({ min: 0, max: 1_000 }),
      passMs: fc.constantFrom(0, 10, 30_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let nowMs = 0;
        const order = new AggregateOrder(() => nowMs);
        let model: { aggregate: string; sequence: number; untilMs: number }[] = [];
        for (const { kind, aggregate, sequence, waitMs, passMs } of steps) {
          nowMs += passMs;
          const others = model.filter((held) => held.aggregate !== aggregate || held.sequence !== sequence);
          if (kind === 'hold') {
            order.hold(aggregate, sequence, { untilMs: nowMs + waitMs, attempts: sequence });
            model = [...others, { aggregate, sequence, untilMs: nowMs + waitMs }];
          } else if (kind === 'release') {
            order.release(aggregate, sequence);
            model = others;
          } else {
            const isInTheWay = (held: (typeof model)[number]) =>
              held.aggregate === aggregate && held.sequence < sequence && held.untilMs + 60_000 >= nowMs;
            const [first] = model.filter(isInTheWay).sort((one, other) => one.sequence - other.sequence);
            expect(order.waitsUntilMs(aggregate, sequence)).toBe(first?.untilMs);
            // Forgotten are those that stood first, and only then.
            const kept = first?.sequence ?? sequence;
            model = model.filter((held) => held.aggregate !== aggregate || held.sequence >= kept);
          }
          expect(order.size).toBe(model.length);
        }
      }),
    );
  });
});
