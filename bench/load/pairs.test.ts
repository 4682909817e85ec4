import { describe, expect, it } from 'vitest';
import { spreadOf, spreadOverStarts } from './pairs.ts';

describe('What is said of many measurements', () => {
  it('is the middle and the quarters beside it, between two values where need be', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ low: 1.75, median: 2.5, high: 3.25 });
    expect(spreadOf([7])).toEqual({ low: 7, median: 7, high: 7 });
  });

  it('counts every start of a process once, however many slices it gave', () => {
    const spread = spreadOverStarts([[1, 1, 1, 1, 1], [3], [2, 2]]);
    expect(spread.median).toBe(2);
    expect(spread.perStart).toEqual([1, 3, 2]);
  });
});
