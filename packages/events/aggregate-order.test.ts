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
    const order = new AggregateOrder();
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
});
