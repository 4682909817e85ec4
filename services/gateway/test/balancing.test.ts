import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Balancing, Candidate } from '../upstreams/balancing/candidate.ts';
import { createBalancing } from '../upstreams/balancing/create-balancing.ts';
import { Outliers } from '../upstreams/balancing/outliers.ts';
import { warmth } from '../upstreams/balancing/slow-start.ts';
import { Instance } from '../upstreams/instance.ts';
import { InstanceGroup } from '../upstreams/instance-group.ts';

type Busy = { -readonly [Key in keyof Candidate]: Candidate[Key] };

const candidate = (id: string, weight = 1, inFlight = 0, load = 0): Busy => ({
  id,
  weight,
  inFlight,
  load: () => load,
});
const many = (count: number, weightOf: (index: number) => number = () => 1): Busy[] =>
  Array.from({ length: count }, (_, index) => candidate(`i${index}`, weightOf(index)));
/** A generator that anybody can repeat (mulberry32). */
const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};
const choose = (balancing: Balancing, candidates: readonly Candidate[], key = '') =>
  balancing.choose(candidates, { nowMs: 0, key }).id;
const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });

describe('Round robin', () => {
  it('by weight is exact over every full turn, and never two full shares in a row', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 4 }), (given, turns) => {
        const candidates = many(given.length, (index) => given[index] ?? 1);
        const balancing = createBalancing('weighted-round-robin', Math.random);
        const total = given.reduce((sum, weight) => sum + weight, 0);
        for (let turn = 0; turn < turns; turn++) {
          const counts = new Map<string, number>();
          for (let i = 0; i < total; i++) {
            const id = choose(balancing, candidates);
            counts.set(id, (counts.get(id) ?? 0) + 1);
          }
          for (const { id, weight } of candidates) expect(counts.get(id)).toBe(weight);
        }
      }),
    );
  });

  it('is as smooth as nginx’s: 5, 1, 1 gives a a b a c a a', () => {
    const candidates = [candidate('a', 5), candidate('b'), candidate('c')];
    const balancing = createBalancing('weighted-round-robin', Math.random);
    expect(Array.from({ length: 7 }, () => choose(balancing, candidates)).join(' ')).toBe('a a b a c a a');
  });

  it('without weights gives everybody the same, also while one is away for a while', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 6 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }),
        (n, away) => {
          const candidates = many(n, (index) => index + 1);
          const balancing = createBalancing('round-robin', Math.random);
          for (const isAway of away) choose(balancing, isAway ? candidates.slice(1) : candidates);
          const counts = new Map<string, number>();
          for (let i = 0; i < 40 * n; i++) {
            const id = choose(balancing, candidates);
            counts.set(id, (counts.get(id) ?? 0) + 1);
          }
          // Credits are bounded: whoever was away does not come back to a flood.
          for (const count of counts.values()) expect(Math.abs(count - 40)).toBeLessThanOrEqual(away.length + n);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('Least connections', () => {
  it('takes who has least under way for its weight', () => {
    fc.assert(
      fc.property(weights, fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 8, maxLength: 8 }), (given, busy) => {
        const candidates = given.map((weight, index) => candidate(`i${index}`, weight, busy[index]));
        const id = choose(createBalancing('least-connections', Math.random), candidates);
        const share = ({ inFlight, weight }: Candidate): number => (inFlight + 1) / weight;
        const chosen = candidates.find((one) => one.id === id);
        expect(chosen === undefined ? Number.NaN : share(chosen)).toBe(Math.min(...candidates.map(share)));
      }),
    );
  });

  it('goes round among equals', () => {
    const balancing = createBalancing('least-connections', Math.random);
    expect(new Set(Array.from({ length: 4 }, () => choose(balancing, many(4)))).size).toBe(4);
  });
});

describe('Two random choices', () => {
  it('never take the worse of the two, and find everybody', () => {
    const candidates = [candidate('a', 1, 0, 10), candidate('b', 1, 0, 20), candidate('c', 1, 0, 30)];
    const balancing = createBalancing('peak-ewma', seeded(7));
    const counts: Record<string, number> = {};
    for (let i = 0; i < 3_000; i++) {
      const id = choose(balancing, candidates);
      counts[id] = (counts[id] ?? 0) + 1;
    }
    expect(counts.c ?? 0).toBe(0);
    expect((counts.a ?? 0) / (counts.b ?? 1)).toBeCloseTo(2, 0);
  });
});

describe('Consistent hashing', () => {
  const keys = Array.from({ length: 4_000 }, (_, index) => `ten_${index}`);
  const place = (candidates: readonly Candidate[]): string[] => {
    const balancing = createBalancing('consistent-hash', Math.random);
    return keys.map((key) => choose(balancing, candidates, key));
  };

  it('moves only the keys that a newcomer takes, about 1/n, and gives them back when it leaves', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), (n) => {
        const before = place(many(n));
        const after = place(many(n + 1));
        const moved = after.filter((id, index) => id !== before[index]);
        expect(new Set(moved)).toEqual(new Set([`i${n}`]));
        expect(moved.length / keys.length).toBeLessThan(1.2 / (n + 1));
        expect(moved.length / keys.length).toBeGreaterThan(0.8 / (n + 1));
        expect(place(many(n))).toEqual(before);
      }),
      { numRuns: 8 },
    );
  });

  it('spreads keys by weight, in whatever order the list comes', () => {
    const candidates = many(4, (index) => (index === 0 ? 3 : 1));
    const placed = place(candidates);
    expect(placed.filter((id) => id === 'i0').length / keys.length).toBeCloseTo(0.5, 1);
    expect(place(candidates.toReversed())).toEqual(placed);
  });

  it('never gives anybody more than a quarter above the average, however popular a key is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 1, max: 300 }), (n, requests) => {
        const candidates = many(n);
        const balancing = createBalancing('consistent-hash', Math.random);
        for (let i = 0; i < requests; i++) {
          const chosen = balancing.choose(candidates, { nowMs: 0, key: 'one tenant' });
          chosen.inFlight++;
          expect(chosen.inFlight).toBeLessThanOrEqual(Math.ceil((1.25 * (i + 1)) / n));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('Slow start', () => {
  it('grows from a tenth to the whole share', () => {
    expect(warmth(0, 10_000)).toBe(0.1);
    expect(warmth(5_000, 10_000)).toBe(0.5);
    expect(warmth(10_000, 10_000)).toBe(1);
    expect(warmth(0, 0)).toBe(1);
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), fc.nat(50_000), (a, b, window) => {
        expect(warmth(Math.min(a, b), window)).toBeLessThanOrEqual(warmth(Math.max(a, b), window));
      }),
    );
  });
});

describe('Outliers', () => {
  const group = (n: number, options = {}) => {
    const members = Array.from({ length: n }, (_, index) => ({ index }));
    const outliers = new Outliers<{ index: number }>(options);
    outliers.follow(members);
    return { members, outliers };
  };

  it('are taken out after five failures in a row, ever longer, and come back', () => {
    const { members, outliers } = group(3);
    const [bad] = members;
    if (bad === undefined) throw new Error('nobody');
    const fail = (nowMs: number): void => {
      for (let i = 0; i < 5; i++) outliers.record(bad, true, nowMs);
    };
    for (let i = 0; i < 4; i++) outliers.record(bad, true, 0);
    outliers.record(bad, false, 0);
    expect(outliers.isEjected(bad, 0)).toBe(false);
    fail(0);
    expect(outliers.isEjected(bad, 29_999)).toBe(true);
    expect(outliers.isEjected(bad, 30_000)).toBe(false);
    fail(30_000);
    expect(outliers.isEjected(bad, 89_999)).toBe(true);
    expect(outliers.isEjected(bad, 90_000)).toBe(false);
  });

  it('are found by their failure rate beside their peers', () => {
    const { members, outliers } = group(4);
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < 100; i++)
        for (const member of members)
          outliers.record(member, member.index === 0 ? i % 3 === 0 : i % 50 === 0, round * 10_001);
    for (const member of members) expect(outliers.isEjected(member, 10_001)).toBe(member.index === 0);
  });

  it('are nobody when all fail alike: what they depend on is gone', () => {
    const { members, outliers } = group(4, { consecutiveFailures: 1_000 });
    for (let round = 0; round < 3; round++)
      for (let i = 0; i < 100; i++) for (const member of members) outliers.record(member, i % 2 === 0, round * 10_001);
    for (const member of members) expect(outliers.isEjected(member, 20_002)).toBe(false);
  });

  it('are never more than half of the group, whatever happens', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.record({ who: fc.nat(6), isFailure: fc.boolean(), laterMs: fc.nat(3_000) }), { maxLength: 300 }),
        (n, events) => {
          const { members, outliers } = group(n, { consecutiveFailures: 2, minimumCalls: 2 });
          let nowMs = 0;
          for (const { who, isFailure, laterMs } of events) {
            nowMs += laterMs;
            const member = members[who % n];
            if (member !== undefined) outliers.record(member, isFailure, nowMs);
            const away = members.filter((one) => outliers.isEjected(one, nowMs)).length;
            expect(away).toBeLessThanOrEqual(Math.floor(n / 2));
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('A group of instances', () => {
  const open = (n: number, options: { slowStartMs?: number; seed?: number } = {}) => {
    const clock = { nowMs: 1_000_000 };
    const monotonicMs = () => clock.nowMs;
    const make = (index: number) =>
      new Instance({ instanceId: `i${index}`, service: 's', url: 'http://127.0.0.1:9' }, monotonicMs);
    const instances = Array.from({ length: n }, (_, index) => make(index));
    const random = seeded(options.seed ?? 1);
    const group = new InstanceGroup({
      balancing: createBalancing('round-robin', random),
      slowStartMs: options.slowStartMs ?? 0,
      monotonicMs,
      random,
      instances,
    });
    const share = (who: Instance, of = 1_000): number => {
      let count = 0;
      for (let i = 0; i < of; i++) if (group.pick([], '') === who) count++;
      return count / of;
    };
    return { clock, group, instances, make, share };
  };

  it('always has somebody to pick, whatever is ejected, unwell or refusing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.record({ who: fc.nat(4), what: fc.constantFrom('refuse', 'fail', 'unwell', 'well') }), {
          maxLength: 60,
        }),
        (n, events) => {
          const { group, instances } = open(n);
          for (const { who, what } of events) {
            const instance = instances[who % n];
            if (instance === undefined) continue;
            if (what === 'refuse') instance.fail(instance.acquire() ?? 0, 1, 'unreachable');
            else if (what === 'fail') group.judge(instance, true);
            else instance.setWell(what === 'well');
            expect(group.pick([], '')).toBeDefined();
          }
          expect(group.pick(instances, '')).toBeUndefined();
        },
      ),
      { numRuns: 50 },
    );
  });

  it('passes over who fails its health check, unless all do', () => {
    const { group, instances, share } = open(3);
    const [sick] = instances as [Instance];
    sick.setWell(false);
    expect(share(sick)).toBe(0);
    for (const instance of instances) instance.setWell(false);
    expect(share(sick)).toBeCloseTo(1 / 3, 1);
    expect(group.hasStanding([])).toBe(false);
  });

  it('gives a newcomer a little first and its share in the end', () => {
    const { clock, group, instances, make, share } = open(3, { slowStartMs: 10_000 });
    const newcomer = make(3);
    group.follow([...instances, newcomer]);
    const shares = [1_000, 3_000, 3_000, 4_000].map((laterMs) => {
      clock.nowMs += laterMs;
      return share(newcomer, 2_000);
    });
    expect(shares[0]).toBeLessThan(0.06);
    expect(shares.toSorted()).toEqual(shares);
    expect(shares[3]).toBeCloseTo(0.25, 1);
    // The ones that were there from the beginning had nobody to give way to.
    const [first] = open(2, { slowStartMs: 10_000 }).instances;
    expect(first).toBeDefined();
  });

  it('gives who recovers a little first, too', () => {
    const { clock, instances, share } = open(2, { slowStartMs: 10_000 });
    const [sick] = instances as [Instance];
    sick.setWell(false);
    clock.nowMs += 1_000;
    sick.setWell(true);
    expect(share(sick)).toBeLessThan(0.15);
    clock.nowMs += 10_000;
    expect(share(sick)).toBeCloseTo(0.5, 1);
  });
});
