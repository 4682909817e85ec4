import { describe, expect, it } from 'vitest';
import { AwayTenants } from './away-tenants.ts';

function openAway() {
  let nowMs = 0;
  const away = new AwayTenants(() => nowMs);
  return {
    away,
    pass(ms: number): void {
      nowMs += ms;
    },
  };
}

describe('A tenant whose database is away', () => {
  it('is asked for by one event at a time, after waits that grow; the others wait, and other tenants do not', () => {
    const { away, pass } = openAway();
    expect(away.waitsUntilMs('a')).toBeUndefined();
    const waits: number[] = [];
    for (let attempt = 1, nowMs = 0; attempt <= 7; attempt++) {
      const untilMs = away.noteAway('a');
      waits.push(untilMs - nowMs);
      expect(away.waitsUntilMs('a')).toBe(untilMs);
      pass(untilMs - nowMs - 1);
      expect(away.waitsUntilMs('a')).toBe(untilMs);
      pass(1);
      nowMs = untilMs;
      expect(away.waitsUntilMs('a')).toBeUndefined();
      expect(away.waitsUntilMs('a')).toBe(nowMs + 1_000);
      expect(away.waitsUntilMs('b')).toBeUndefined();
    }
    expect(waits).toEqual([1_000, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  it('is no longer away for failing many times at once', () => {
    const { away, pass } = openAway();
    expect(Array.from({ length: 64 }, () => away.noteAway('a'))).toEqual(Array.from({ length: 64 }, () => 1_000));
    pass(1_000);
    expect(away.waitsUntilMs('a')).toBeUndefined();
    expect(away.noteAway('a')).toBe(2_000);
  });

  it('is back for all as soon as one event says so, and begins anew', () => {
    const { away, pass } = openAway();
    away.noteAway('a');
    pass(1_000);
    expect([away.waitsUntilMs('a'), away.waitsUntilMs('a')]).toEqual([undefined, 2_000]);
    away.noteBack('a');
    expect([away.waitsUntilMs('a'), away.waitsUntilMs('a')]).toEqual([undefined, undefined]);
    expect(away.noteAway('a')).toBe(2_000);
  });
});
