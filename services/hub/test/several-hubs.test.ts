import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectNats } from '@tenantry/events/nats.ts';
import { openPrivateNats } from '@tenantry/events/test/private-nats.ts';
import { openDiscovery } from '@tenantry/mesh/discovery.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { steadyPort } from '../../../tests/support/steady-port.ts';
import type { RunningHub } from '../app.ts';
import {
  announcement,
  ask,
  beat,
  leave,
  listed,
  MASTER_KEY,
  newNamespace,
  newUrl,
  openTestHub,
  register,
} from './hubs.ts';
import { openNatsProxy } from './nats-proxy.ts';

let namespace: string;
/** Moved by hand, for all hubs alike. */
let nowMs: number;
const closers: (() => Promise<unknown>)[] = [];
const open = async (natsUrl = inject('natsUrl')): Promise<RunningHub> => {
  const hub = await openTestHub(namespace, { monotonicMs: () => nowMs }, natsUrl);
  closers.push(hub.close);
  return hub;
};

beforeEach(() => {
  namespace = newNamespace();
  nowMs = 1_000_000;
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const ids = (records: readonly InstanceRecord[]) => records.map(({ instanceId }) => instanceId).toSorted();
const listedIds = async (hub: { url: string }) => ids(await listed(hub));
type Health = {
  services: { name: string; status: string; instances: { instanceId: string; lastBeatAgeMs: number }[] }[];
};
const health = async (hub: { url: string }) => (await ask(hub.url, 'GET', '/v1/health')).body as Health;
const ageAt = async (hub: { url: string }, instanceId: string) =>
  (await health(hub)).services.flatMap(({ instances }) => instances).find((one) => one.instanceId === instanceId)
    ?.lastBeatAgeMs;
/** Several turns of every sweeper: what they were about to do, they have done. */
const sweeps = () => new Promise((resolve) => setTimeout(resolve, 1_600));

describe('Two hubs', () => {
  it('are one: registered at either, beaten at either, left at either', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    const record = await register(one, announcement('billing'));
    await eventually(async () => expect(await listed(two)).toEqual([record]));
    for (let round = 0; round < 3; round++) {
      nowMs += 4_000;
      expect(await beat(two, record)).toBe(204);
      await eventually(async () => expect(await ageAt(one, record.instanceId)).toBe(0));
    }
    await sweeps();
    expect(await listed(one)).toEqual([record]);
    await leave(two, record.instanceId);
    await eventually(async () => expect(await listed(one)).toEqual([]));
  });

  it('give every registration a number of its own, and end with one instance per address', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    const url = newUrl();
    const records = await Promise.all(
      Array.from({ length: 8 }, (_, index) => register(index % 2 === 0 ? one : two, announcement('billing', { url }))),
    );
    const generations = records.map(({ generation }) => generation);
    expect(new Set(generations).size).toBe(8);
    const newest = records.find(({ generation }) => generation === Math.max(...generations));
    await eventually(async () => {
      expect(await listed(one)).toEqual([newest]);
      expect(await listed(two)).toEqual([newest]);
    });
  });

  it('let one service have a route that two claim at the same instant', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    const claims = await Promise.allSettled([
      register(one, announcement('billing', { paths: ['/v1/things/:thingId'] })),
      register(two, announcement('users', { paths: ['/v1/things/:id'] })),
    ]);
    expect(claims.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await eventually(async () => expect(await listed(one)).toHaveLength(1));
  });

  it('remove a silent instance once, both sweeping', async () => {
    const [one, two] = await Promise.all([open(), open()]);
    const [silent, beating] = [
      await register(one, announcement('billing')),
      await register(two, announcement('users')),
    ];
    nowMs += 4_000;
    await beat(one, beating);
    await eventually(async () => expect(await ageAt(two, beating.instanceId)).toBe(0));
    nowMs += 2_000;
    for (const hub of [one, two])
      await eventually(async () => expect(await listedIds(hub)).toEqual([beating.instanceId]));
    expect(await beat(two, silent)).toBe(404);
  });
});

describe('A hub that is cut off', () => {
  it.each(['cut', 'swallow'] as const)(
    'from the others (%s) removes nobody whom they hear, and takes what they did when it is back',
    async (how) => {
      const proxy = await openNatsProxy(inject('natsUrl'));
      closers.push(proxy.close);
      const two = await open();
      const one = await open(proxy.url);
      const [staying, elsewhere, leaving] = await Promise.all([
        register(one, announcement('billing')),
        register(one, announcement('notifications')),
        register(one, announcement('users')),
      ]);
      await eventually(async () => expect(await listed(two)).toHaveLength(3));
      proxy[how]();
      for (let round = 0; round < 3; round++) {
        nowMs += 3_000;
        for (const record of [staying, elsewhere, leaving]) expect(await beat(two, record)).toBe(204);
      }
      await sweeps();
      expect(await listedIds(one)).toEqual(ids([staying, elsewhere, leaving]));
      // It still takes beats: whoever knows only this hub is not sent away.
      expect(await beat(one, staying)).toBe(204);
      await leave(two, leaving.instanceId);
      const late = await register(two, announcement('payments'));
      proxy.heal();
      const expected = ids([staying, elsewhere, late]);
      await eventually(async () => expect(await listedIds(one)).toEqual(expected));
      // What it was about to do while it was alone must not come through now.
      await sweeps();
      expect(await listedIds(one)).toEqual(expected);
      expect(await listedIds(two)).toEqual(expected);
    },
  );

  it('lets those back in whom only it heard', async () => {
    const proxy = await openNatsProxy(inject('natsUrl'));
    closers.push(proxy.close);
    const [one, two] = [await open(proxy.url), await open()];
    const announced = announcement('billing');
    const record = await register(one, { ...announced, attempt: 1 });
    await eventually(async () => expect(await listed(two)).toHaveLength(1));
    proxy.cut();
    nowMs += 6_000;
    expect(await beat(one, record)).toBe(204);
    // The other one cannot know; the instance is gone for it, and registers again where it is heard.
    await eventually(async () => expect(await listed(two)).toEqual([]));
    proxy.heal();
    await eventually(async () => expect(await beat(one, record)).toBe(404));
    const again = await register(one, { ...announced, lastGeneration: record.generation, attempt: 2 });
    await eventually(async () => expect(await listedIds(two)).toEqual([again.instanceId]));
  });
});

// Whole processes are started here, which takes its time on a busy machine.
describe('A hub that is killed', { timeout: 60_000 }, () => {
  const start = async (port: number) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-hub-'));
    const child = fork(fileURLToPath(new URL('../start.ts', import.meta.url)), {
      env: {
        ...process.env,
        PORT: String(port),
        NATS_URL: inject('natsUrl'),
        TENANTRY_MASTER_KEY: MASTER_KEY,
        TENANTRY_DATA_DIR: dataDir,
        TENANTRY_NAMESPACE: namespace,
        LOG_LEVEL: 'silent',
      },
      stdio: 'ignore',
    });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const kill = async () => {
      child.kill('SIGKILL');
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    };
    closers.push(kill);
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error('The hub did not start.')));
    });
    return { url: `http://127.0.0.1:${port}`, kill, stop: () => child.kill('SIGSTOP') };
  };
  const hubsKnownTo = async (hub: { url: string }) =>
    (await health(hub)).services.find(({ name }) => name === 'hub')?.instances.length;

  it('has its work done by another, and forgets nothing when it is back', async () => {
    const port = await steadyPort();
    const killed = await start(port);
    const record = await register(killed, announcement('billing'));
    await killed.kill();
    const other = await open();
    expect(await beat(other, record)).toBe(204);
    const next = await register(other, announcement('users'));
    expect(next.generation).toBeGreaterThan(record.generation);
    expect(await hubsKnownTo(other)).toBe(2);
    const back = await start(port);
    // The newer process at its address replaces the dead one at once.
    expect(await hubsKnownTo(back)).toBe(2);
    expect(await listedIds(back)).toEqual(ids([record, next]));
    expect(await beat(back, record)).toBe(204);
  });

  it('is removed by the others like everybody who falls silent, even when it only stands still', async () => {
    const frozen = await start(await steadyPort());
    const other = await open();
    await eventually(async () => expect(await hubsKnownTo(other)).toBe(2));
    frozen.stop();
    await vi.waitFor(
      async () => {
        // Again and again: a last beat of it may have been on its way.
        nowMs += 6_000;
        expect(await hubsKnownTo(other)).toBe(1);
      },
      { timeout: 30_000, interval: 500 },
    );
  });

  it('leaves everybody with what they know, also those who start while it is gone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tenantry-snapshot-'));
    const snapshotFile = join(folder, 'registry.json');
    const server = await openPrivateNats();
    const nats = await connectNats({ url: server.url, name: 'reader', namespace });
    const discovery = await openDiscovery(nats, { snapshotFile });
    const hub = await openTestHub(namespace, {}, server.url);
    const record = await register(hub, announcement('billing'));
    const known = () => discovery.instancesOf('billing').map(({ instanceId }) => instanceId);
    await eventually(() => expect(known()).toEqual([record.instanceId]));
    await hub.close();
    expect(known()).toEqual([record.instanceId]);
    await discovery.close();
    await server.kill();
    const restarted = await openDiscovery(nats, { snapshotFile });
    expect(restarted.instancesOf('billing').map(({ instanceId }) => instanceId)).toEqual([record.instanceId]);
    await restarted.close();
    await nats.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
});

describe('A registry whose bucket is lost', () => {
  it('is filled again by the hubs from memory, and counts on', async () => {
    const server = await openPrivateNats();
    closers.push(server.close);
    const [one, two] = await Promise.all([open(server.url), open(server.url)]);
    const records = [await register(one, announcement('billing')), await register(two, announcement('users'))];
    await eventually(async () => expect(await listed(one)).toHaveLength(2));
    await server.kill();
    server.loseFiles();
    await server.restart();
    for (const hub of [one, two])
      await eventually(async () => expect(await listed(hub)).toEqual(expect.arrayContaining(records)));
    const fresh = await openDiscoveryAt(server.url);
    await eventually(() => expect(fresh.all().filter(({ service }) => service !== 'hub')).toHaveLength(2));
    const next = await register(one, announcement('payments'));
    expect(next.generation).toBeGreaterThan(Math.max(...records.map(({ generation }) => generation)));
    for (const record of records) expect(await beat(two, record)).toBe(204);
  });

  async function openDiscoveryAt(url: string) {
    const nats = await connectNats({ url, name: 'fresh', namespace });
    const discovery = await openDiscovery(nats);
    closers.push(nats.close, discovery.close);
    return discovery;
  }
});

describe('Whatever arrives in whatever order, at whichever hub', () => {
  type Step = { instance: number; hub: number; what: 'register' | 'again' | 'beat' | 'leave'; late: boolean };
  const anyStep = fc.record({
    instance: fc.nat({ max: 3 }),
    hub: fc.nat({ max: 1 }),
    what: fc.constantFrom('register' as const, 'again' as const, 'beat' as const, 'leave' as const),
    late: fc.boolean(),
  });

  it('there is one instance per address, none that has left, and both hubs say the same', {
    timeout: 120_000,
  }, async () => {
    const hubs = await Promise.all([open(), open()]);
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 4, maxLength: 16 }), async (steps: Step[]) => {
        // Four processes take turns at two addresses.
        const urls = [newUrl(), newUrl()];
        const processes = [0, 1, 2, 3].map((index) => ({
          announced: announcement('billing', { url: urls[index % 2] ?? '' }),
          attempt: 0,
          record: null as InstanceRecord | null,
          hasLeft: false,
        }));
        const play = async ({ instance, hub, what }: Step): Promise<void> => {
          const [one, at] = [processes[instance], hubs[hub]];
          if (one === undefined || at === undefined) return;
          const { announced, record } = one;
          const send = (attempt: number) =>
            register(at, { ...announced, attempt, lastGeneration: record?.generation ?? null }).then(
              (accepted) => {
                if (accepted.generation > (one.record?.generation ?? 0)) one.record = accepted;
              },
              () => undefined,
            );
          if (what === 'register') await send(++one.attempt);
          else if (what === 'again') await send(Math.max(1, one.attempt));
          else if (what === 'beat') await beat(at, record ?? { instanceId: announced.instanceId, generation: 1 });
          else {
            one.hasLeft = true;
            await leave(at, announced.instanceId);
          }
        };
        const late: Promise<void>[] = [];
        for (const step of steps) {
          const played = play(step);
          if (step.late) late.push(played);
          else await played;
        }
        await Promise.all(late);
        await eventually(async () => {
          const [here, there] = await Promise.all(hubs.map(listed));
          const own = (here ?? []).filter(({ url }) => urls.includes(url));
          expect(ids(own)).toEqual(ids((there ?? []).filter(({ url }) => urls.includes(url))));
          expect(new Set(own.map(({ url }) => url)).size).toBe(own.length);
          for (const { announced, hasLeft } of processes)
            if (hasLeft) expect(ids(own)).not.toContain(announced.instanceId);
        });
        for (const { announced } of processes) await leave(hubs[0] as RunningHub, announced.instanceId);
      }),
      { numRuns: 12 },
    );
  });
});
