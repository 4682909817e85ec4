import { expect, it } from 'vitest';
import { RefusedAggregates } from './refused-aggregates.ts';

it('An aggregate that is refused again and again is read less and less often, and at once when it was taken', () => {
  let nowMs = 0;
  const refused = new RefusedAggregates(() => nowMs);
  for (const delayMs of [1_000, 2_000, 5_000, 10_000, 10_000]) {
    refused.note('a');
    nowMs += delayMs - 1;
    expect(refused.waiting()).toEqual(['a']);
    nowMs += 1;
    expect(refused.waiting()).toEqual([]);
  }
  refused.note('a');
  refused.note('b');
  refused.forget('a');
  expect(refused.waiting()).toEqual(['b']);
  nowMs += 61_001;
  expect(refused.waiting()).toEqual([]);
  refused.note('b');
  nowMs += 1_000;
  expect(refused.waiting()).toEqual([]);
});
