import { createRedis } from '@tenantry/databases/redis.ts';
import { newId, newUuid, type TenantId, type UserId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { Verified } from '../access/verified.ts';
import { whenConnected } from '../limits/rate-limiters.ts';
import type { RedisClient } from '../run-script.ts';
import { openLine } from '../test/line.ts';
import { LiveConnections, type LiveConnectionsOptions } from './live-connections.ts';

const PER_TENANT = 6;
const PER_PRINCIPAL = 2;

/** One process of a gateway, with a connection of its own to Redis. */
type Process = { readonly live: LiveConnections; readonly redis: RedisClient; readonly kill: () => void };

let namespace: string;
let tenantId: TenantId;
/** Sees everything and takes part in nothing. */
let onlooker: RedisClient;
let processes: Process[];

beforeEach(async () => {
  namespace = `live${newUuid().slice(-12)}`;
  tenantId = newId('ten');
  processes = [];
  onlooker = createRedis({ url: inject('redisUrl'), namespace, onError: () => undefined });
  await whenConnected(onlooker);
});
afterEach(async () => {
  for (const { live, redis } of processes) {
    await live.close();
    redis.disconnect();
  }
  onlooker.disconnect();
});

async function openProcess(
  overrides: Partial<LiveConnectionsOptions> = {},
  redisUrl = inject('redisUrl'),
): Promise<Process> {
  const redis = createRedis({ url: redisUrl, namespace, onError: () => undefined });
  await whenConnected(redis);
  const limits = { perTenant: PER_TENANT, perPrincipal: PER_PRINCIPAL };
  const live = new LiveConnections({
    redis,
    limitsOf: () => limits,
    processes: () => processes.length,
    leaseMs: 2_000,
    ...overrides,
  });
  const process: Process = { live, redis, kill: () => redis.disconnect() };
  processes.push(process);
  return process;
}

const opener = (userId: UserId, clientAddress = '192.0.2.1') => {
  const claims = { tenantId, userId, sessionId: newId('ses'), expiresAtSeconds: Number.POSITIVE_INFINITY };
  return { verified: { claims, principal: { tenantId, id: userId } } as unknown as Verified, clientAddress };
};

type Outcome = { readonly leave: () => void; readonly limit: null } | { readonly leave: null; readonly limit: number };

const enter = (
  { live }: Process,
  who: Parameters<LiveConnections['enter']>[1],
  kind: 'event-stream' | 'websocket' = 'event-stream',
): Promise<Outcome> =>
  live.enter(kind, who).then(
    (leave) => ({ leave, limit: null }),
    (error: unknown) => {
      if (!(error instanceof Problem) || error.kind.code !== 'too-many-connections') throw error;
      return { leave: null, limit: Number(error.extensions.limit) };
    },
  );

const nobodyElse = (): ReturnType<typeof opener> => opener(newId('usr'));
const granted = (outcomes: readonly Outcome[]): number => outcomes.filter(({ leave }) => leave !== null).length;
const keysInRedis = (): Promise<string[]> => onlooker.keys(`${namespace}:*`);

describe('Connections that stay open, of several processes', () => {
  it('are as many as the tenant may have, exactly, when all come at one instant', async () => {
    await Promise.all([openProcess(), openProcess(), openProcess()]);
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, index) => enter(processes[index % 3] as Process, nobodyElse())),
    );
    expect(granted(outcomes)).toBe(PER_TENANT);
    expect(outcomes.filter(({ limit }) => limit === PER_TENANT)).toHaveLength(60 - PER_TENANT);
  });

  it('are as many as a principal may have, which takes nothing from the tenant’s others', async () => {
    await Promise.all([openProcess(), openProcess()]);
    const userId = newId('usr');
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => enter(processes[index % 2] as Process, opener(userId))),
    );
    expect(granted(outcomes)).toBe(PER_PRINCIPAL);
    const others = await Promise.all(
      Array.from({ length: 20 }, (_, index) => enter(processes[index % 2] as Process, nobodyElse())),
    );
    expect(granted(others)).toBe(PER_TENANT - PER_PRINCIPAL);
  });

  it('are counted by kind, and without a token by address: an IPv6 client has its whole /64', async () => {
    const [one, two] = await Promise.all([openProcess(), openProcess()]);
    for (const kind of ['event-stream', 'websocket'] as const) {
      const here = { verified: null, clientAddress: '2001:db8::1' };
      const there = { verified: null, clientAddress: '2001:db8::ffff:2' };
      const outcomes = await Promise.all(
        [here, there, here, there].map((who, i) => enter(i % 2 ? two : one, who, kind)),
      );
      expect(granted(outcomes)).toBe(PER_PRINCIPAL);
      expect((await enter(one, { verified: null, clientAddress: '2001:db8:0:1::1' }, kind)).leave).not.toBeNull();
    }
    const { of } = one.live.counts;
    expect(of['event-stream'].open + two.live.counts.of['event-stream'].open).toBe(PER_PRINCIPAL + 1);
    expect(of.websocket['address-full'] + two.live.counts.of.websocket['address-full']).toBe(2);
  });

  it('are free for another process when one has left, however often it says so', async () => {
    const [one, two] = await Promise.all([openProcess(), openProcess()]);
    const userId = newId('usr');
    const [first] = await Promise.all([enter(one, opener(userId)), enter(one, opener(userId))]);
    expect((await enter(two, opener(userId))).leave).toBeNull();
    for (let i = 0; i < 3; i++) first.leave?.();
    await eventually(async () => expect((await enter(two, opener(userId))).leave).not.toBeNull());
    expect((await enter(two, opener(userId))).leave).toBeNull();
  });

  it('follow a limit that changes while they are open, of which none is cut', async () => {
    let perTenant = 2;
    const limitsOf = () => ({ perTenant, perPrincipal: 100 });
    const [one, two] = await Promise.all([openProcess({ limitsOf }), openProcess({ limitsOf })]);
    const first = await enter(one, nobodyElse());
    const second = await enter(two, nobodyElse());
    expect(await enter(one, nobodyElse())).toMatchObject({ leave: null, limit: 2 });
    perTenant = 3;
    const third = await enter(one, nobodyElse());
    expect(granted([first, second, third])).toBe(3);
    perTenant = 1;
    first.leave?.();
    second.leave?.();
    // One is left, which is as many as there may be now.
    expect(await enter(two, nobodyElse())).toMatchObject({ leave: null, limit: 1 });
    third.leave?.();
    await eventually(async () => expect((await enter(two, nobodyElse())).leave).not.toBeNull());
  });

  it('leave nothing in Redis when all are closed, nor when a process is', async () => {
    const [one, two] = await Promise.all([openProcess(), openProcess()]);
    const outcomes = await Promise.all([enter(one, nobodyElse()), enter(one, nobodyElse()), enter(two, nobodyElse())]);
    expect(await keysInRedis()).toHaveLength(4);
    outcomes[0].leave?.();
    outcomes[1].leave?.();
    await eventually(async () => expect(await keysInRedis()).toHaveLength(2));
    await two.live.close();
    expect(await keysInRedis()).toEqual([]);
    expect(() => outcomes[2].leave?.()).not.toThrow();
  });

  it('ask Redis when one opens or closes, many at once in a few messages', async () => {
    const one = await openProcess({ limitsOf: unlimited, leaseMs: 60_000 });
    const outcomes = await Promise.all(Array.from({ length: 128 }, () => enter(one, nobodyElse())));
    expect(granted(outcomes)).toBe(128);
    for (const { leave } of outcomes) leave?.();
    await eventually(async () => expect(await keysInRedis()).toEqual([]));
    expect(one.live.counts.redisCalls).toBeLessThanOrEqual(6);
  });
});

const unlimited: LiveConnectionsOptions['limitsOf'] = () => ({ perTenant: 1_000_000, perPrincipal: 1_000_000 });

describe('What a process held', () => {
  it('is free seconds after it was killed, and not while it lives', async () => {
    const [killed, lasting, third] = await Promise.all([openProcess(), openProcess(), openProcess()]);
    for (let i = 0; i < PER_TENANT / 2; i++) {
      expect((await enter(killed, nobodyElse())).leave).not.toBeNull();
      expect((await enter(lasting, nobodyElse())).leave).not.toBeNull();
    }
    expect((await enter(third, nobodyElse())).leave).toBeNull();
    killed.kill();
    const freed: Outcome[] = [];
    await eventually(async () => {
      freed.push(await enter(third, nobodyElse()));
      expect(granted(freed)).toBe(PER_TENANT / 2);
    });
    // Several leases later: who beats keeps what it holds.
    const until = performance.now() + 4_500;
    while (performance.now() < until) {
      expect((await enter(third, nobodyElse())).leave).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
});

describe('While Redis is away', () => {
  it('each process lets in its share, cuts nobody, and all count together again when it is back', async () => {
    const line = await openLine(inject('redisUrl'));
    const [one, two, three] = (await Promise.all(
      Array.from({ length: 3 }, () => openProcess({ recoveryMs: 0 }, line.url)),
    )) as [Process, Process, Process];
    const held = await Promise.all(Array.from({ length: 4 }, () => enter(one, nobodyElse())));
    expect(granted(held)).toBe(4);

    line.cut();
    // A third of six: who has more keeps it, and nobody gets none.
    expect(await enter(one, nobodyElse())).toEqual({ leave: null, limit: PER_TENANT / 3 });
    const here = await Promise.all(Array.from({ length: 5 }, () => enter(two, nobodyElse())));
    expect(granted(here)).toBe(PER_TENANT / 3);
    // What closes meanwhile is heard of later.
    for (const { leave } of held.slice(0, 2)) leave?.();

    await line.mend();
    // One holds two and two holds two: that is known to three, which held nothing.
    const after: Outcome[] = [];
    await eventually(async () => {
      after.push(await enter(three, nobodyElse()));
      expect(granted(after)).toBeGreaterThanOrEqual(2);
    });
    await eventually(async () => {
      expect((await enter(three, nobodyElse())).limit).toBe(PER_TENANT);
      const shares = await onlooker.hvals(`{${tenantId}}:live:event-stream`);
      expect(shares.map((share) => Number(share.split(':')[0]))).toEqual([2, 2, 2]);
    });
    line.cut();
  });

  it('a Redis that comes back with no memory is told first, and lets nobody beyond a share until all have', async () => {
    const line = await openLine(inject('redisUrl'));
    const [one, two] = await Promise.all([openProcess({ recoveryMs: 3_000 }, line.url), openProcess()]);
    expect(granted(await Promise.all(Array.from({ length: 3 }, () => enter(one, nobodyElse()))))).toBe(3);
    expect(granted(await Promise.all(Array.from({ length: 3 }, () => enter(two, nobodyElse()))))).toBe(3);
    line.cut();
    await onlooker.del(`{${tenantId}}:live:event-stream`);
    await line.mend();
    // It holds its half of the limit: more would have to be known of the others, who may not have been heard yet.
    await eventually(() => expect(one.redis.status).toBe('ready'));
    expect(await enter(one, nobodyElse())).toEqual({ leave: null, limit: PER_TENANT / 2 });
    await eventually(async () => {
      const shares = await onlooker.hvals(`{${tenantId}}:live:event-stream`);
      expect(shares.map((share) => Number(share.split(':')[0]))).toEqual([3, 3]);
    });
    line.cut();
  });

  it('a gateway that is alone gives all of it, and one of many at least one', async () => {
    const alone = await openProcess({ processes: () => 1 });
    const small = await openProcess({ processes: () => 100 });
    for (const { redis } of processes) redis.disconnect();
    expect(granted(await Promise.all(Array.from({ length: 9 }, () => enter(alone, nobodyElse()))))).toBe(PER_TENANT);
    expect(granted(await Promise.all(Array.from({ length: 9 }, () => enter(small, nobodyElse()))))).toBe(1);
  });
});

describe('Whatever opens, closes and dies, in any order', () => {
  type Step =
    | { readonly do: 'open'; readonly at: number; readonly user: number }
    | { readonly do: 'close'; readonly which: number }
    | { readonly do: 'kill'; readonly at: number };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constant('open' as const), at: fc.nat(2), user: fc.nat(3) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('close' as const), which: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), at: fc.nat(2) }) },
  );
  /** What is in one instant goes out at once; between two instants everything has been heard. */
  const instants = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 });

  /** A connection's messages are taken in order, so what was said before a question is known when it is answered. */
  const isHeard = async ({ redis }: Process): Promise<void> => {
    for (let i = 0; i < 2; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      await redis.ping();
    }
  };

  it('no limit is passed, nobody is refused who has room, and everything comes back', async () => {
    await fc.assert(
      fc.asyncProperty(instants, async (story) => {
        tenantId = newId('ten');
        const users = Array.from({ length: 4 }, () => newId('usr'));
        const mine = await Promise.all([openProcess(), openProcess(), openProcess()]);
        const dead = new Set<Process>();
        const places: { readonly process: Process; readonly user: number; readonly leave: () => void }[] = [];
        /** What those who died held or had just given back: free at some time that is not ours to know. */
        const orphans: { readonly user: number }[] = [];
        const given: typeof places = [];
        for (const instant of story) {
          const refused: number[] = [];
          const mayFree = instant.some((each) => each.do === 'close');
          await Promise.all(
            instant.map(async (each) => {
              if (each.do === 'close') {
                const [place] = places.splice(each.which % Math.max(1, places.length), 1);
                place?.leave();
                if (place !== undefined) given.push(place);
              }
              if (each.do === 'kill') {
                const process = mine[each.at] as Process;
                dead.add(process);
                process.kill();
              }
              if (each.do !== 'open') return;
              const process = mine[each.at] as Process;
              const { leave } = await enter(process, opener(users[each.user] as UserId));
              if (leave === null && !dead.has(process)) refused.push(each.user);
              if (leave === null) return;
              places.push({ process, user: each.user, leave });
            }),
          );
          await Promise.all(mine.filter((process) => !dead.has(process)).map(isHeard));
          for (const list of [places, given])
            for (const place of list.filter(({ process }) => dead.has(process))) {
              list.splice(list.indexOf(place), 1);
              orphans.push(place);
            }
          const countOf = (list: readonly { readonly user: number }[], user: number): number =>
            list.filter((place) => place.user === user).length;
          expect(places.length).toBeLessThanOrEqual(PER_TENANT);
          for (const [user] of users.entries()) expect(countOf(places, user)).toBeLessThanOrEqual(PER_PRINCIPAL);
          if (mayFree) continue;
          for (const user of refused) {
            const isTenantFull = places.length + orphans.length >= PER_TENANT;
            const isUserFull = countOf(places, user) + countOf(orphans, user) >= PER_PRINCIPAL;
            expect(isTenantFull || isUserFull).toBe(true);
          }
        }
        for (const { leave } of places) leave();
        await eventually(async () => expect(await keysInRedis()).toEqual([]));
        const next = await openProcess();
        const outcomes = await Promise.all(Array.from({ length: 9 }, () => enter(next, nobodyElse())));
        expect(granted(outcomes)).toBe(PER_TENANT);
        for (const { live, redis } of processes.splice(0)) {
          await live.close();
          redis.disconnect();
        }
        expect(await keysInRedis()).toEqual([]);
      }),
      { numRuns: 15 },
    );
  }, 120_000);
});
