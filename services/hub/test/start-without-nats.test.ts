import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import { announcement, ask, beat, leave, listed, newNamespace, newUrl, openTestHub, register } from './hubs.ts';
import { openNatsProxy } from './nats-proxy.ts';

const closers: (() => Promise<unknown>)[] = [];
let namespace: string;
/** Moved by hand, for all hubs alike. */
let nowMs: number;
let dataDir: string;
beforeEach(() => {
  namespace = newNamespace();
  nowMs = 1_000_000;
  dataDir = mkdtempSync(join(tmpdir(), 'tenantry-hub-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  rmSync(dataDir, { recursive: true, force: true });
});

const open = async (natsUrl = inject('natsUrl')): Promise<RunningHub> => {
  const hub = await openTestHub(namespace, { monotonicMs: () => nowMs }, natsUrl);
  closers.push(hub.close);
  return hub;
};
/** A hub that has run before, where NATS is away: with the snapshot that it left. */
const openAgainWithoutNats = async (before: (hub: RunningHub) => Promise<unknown>) => {
  const first = await openTestHub(namespace, {}, inject('natsUrl'), { TENANTRY_DATA_DIR: dataDir });
  await before(first);
  await first.close();
  const proxy = await openNatsProxy(inject('natsUrl'));
  closers.push(proxy.close);
  proxy.cut();
  const hub = await openTestHub(namespace, { monotonicMs: () => nowMs }, proxy.url, {
    TENANTRY_DATA_DIR: dataDir,
  });
  closers.push(hub.close);
  return { hub, proxy };
};
const openWithoutNats = async () => {
  const proxy = await openNatsProxy(inject('natsUrl'));
  closers.push(proxy.close);
  proxy.cut();
  return { hub: await open(proxy.url), proxy };
};

const readiness = async (hub: RunningHub) => {
  const { status, body } = await ask(hub.url, 'GET', '/health/ready', { token: '' });
  return [status, (body as { status: string }).status];
};
const NOT_NOW = [503, '1', 'upstream-unavailable'];
const outcome = async (hub: RunningHub, method: string, path: string, body?: unknown) => {
  const answer = await ask(hub.url, method, path, { body });
  return [answer.status, answer.headers.get('retry-after'), (answer.body as { code?: string } | undefined)?.code];
};
const registering = (hub: RunningHub, announced: object) => outcome(hub, 'POST', '/v1/registry/instances', announced);
/** Asked again and again from before NATS comes until something else than "not now" is said. */
const firstDecision = async (hub: RunningHub, announced: object, heal: () => void) => {
  expect(await registering(hub, announced)).toEqual(NOT_NOW);
  heal();
  for (;;) {
    const decided = await registering(hub, announced);
    if (decided[0] !== 503) return decided;
  }
};

describe('A hub that starts without NATS', { timeout: 60_000 }, () => {
  it('and without a snapshot says "not now" to everything that it cannot know, and works as soon as it can', async () => {
    const other = await open();
    const known = await register(other, announcement('billing'));
    const { hub, proxy } = await openWithoutNats();
    expect(await readiness(hub)).toEqual([503, 'starting']);
    const beating = { generation: known.generation, sequence: 1, status: 'up' };
    const unknowable: [string, string, unknown?][] = [
      ['POST', '/v1/registry/instances', announcement('users')],
      ['PUT', `/v1/registry/instances/${known.instanceId}/heartbeat`, beating],
      ['DELETE', `/v1/registry/instances/${known.instanceId}`],
      ['GET', '/v1/registry/instances'],
      ['GET', '/v1/registry/discover?service=billing'],
      ['GET', '/v1/health'],
      ['GET', '/v1/service-map'],
      ['GET', '/v1/config/default'],
      ['GET', `/v1/config/${newId('ten')}`],
    ];
    for (const [method, path, body] of unknowable)
      expect([method, path, ...(await outcome(hub, method, path, body))]).toEqual([method, path, ...NOT_NOW]);
    proxy.heal();
    await eventually(async () => expect(await readiness(hub)).toEqual([200, 'ready']));
    expect(await listed(hub)).toEqual([known]);
    const added = await register(hub, announcement('users'));
    await eventually(async () => expect(await listed(other)).toEqual([known, added]));
    // Its own entry was waiting as well.
    await eventually(async () => {
      const { body } = await ask(other.url, 'GET', '/v1/registry/instances');
      const ids = (body as { data: { instanceId: string }[] }).data.map(({ instanceId }) => instanceId);
      expect(ids).toContain(hub.instanceId);
    });
  });

  it('answers from its snapshot, takes the beats of whom it remembers, and removes nobody for the time it was away', async () => {
    const remembered = announcement('billing');
    let generation = 0;
    const { hub, proxy } = await openAgainWithoutNats(async (before) => {
      ({ generation } = await register(before, remembered));
    });
    await eventually(async () => expect(await readiness(hub)).toEqual([200, 'degraded']));
    expect((await listed(hub)).map(({ instanceId }) => instanceId)).toEqual([remembered.instanceId]);
    expect(await beat(hub, { instanceId: remembered.instanceId, generation })).toBe(204);
    // It may have come since: only the registry could say that it is not there.
    expect(await beat(hub, { instanceId: announcement('users').instanceId, generation: 1 })).toBe(503);
    nowMs += 3_600_000;
    proxy.heal();
    await eventually(async () => expect(await readiness(hub)).toEqual([200, 'ready']));
    expect((await listed(hub)).map(({ instanceId }) => instanceId)).toEqual([remembered.instanceId]);
    expect(await beat(hub, { instanceId: remembered.instanceId, generation })).toBe(204);
  });

  it('decides nothing on what it remembers: a route that was taken meanwhile stays taken', async () => {
    const { hub, proxy } = await openAgainWithoutNats((before) => register(before, announcement('users')));
    const other = await open();
    await register(other, announcement('billing', { paths: ['/v1/things'] }));
    const rival = announcement('payments', { paths: ['/v1/things'] });
    expect(await firstDecision(hub, rival, proxy.heal)).toEqual([409, null, 'route-taken']);
  });

  it('decides nothing on what it remembers: who has left meanwhile stays out', async () => {
    const gone = announcement('users', { url: newUrl() });
    const { hub, proxy } = await openAgainWithoutNats((before) => register(before, gone));
    const other = await open();
    await leave(other, gone.instanceId);
    expect(await firstDecision(hub, gone, proxy.heal)).toEqual([409, null, 'instance-left']);
  });

  it('can be closed before there ever was a connection', async () => {
    const { hub } = await openWithoutNats();
    await hub.close();
    await expect(ask(hub.url, 'GET', '/health/live')).rejects.toThrow();
  });
});
