import { generateSigningKey } from '@tenantry/auth/jws.ts';
import { endpoint } from '@tenantry/contract/endpoint.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { declareDependency } from '@tenantry/resilience/dependency.ts';
import { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { createMesh, type Mesh } from './client.ts';
import { localDiscovery } from './test/local-discovery.ts';
import { closedUrl, json, openUpstream, type Upstream } from './test/upstream.ts';

const guarded = { summary: 'X', permission: 'thing:use', reach: 'own', method: 'GET' } as const;
const readThing = endpoint({ ...guarded, name: 'things.read', path: '/v1/things' });
const readStock = endpoint({ ...guarded, name: 'stocks.read', path: '/v1/stocks' });
const tenantId = newId('ten');
const hangUp: Upstream['answer'] = (request) => request.socket.destroy();
const away = json(503, { code: 'upstream-unavailable', title: 'Away' }, { 'retry-after': '1' });

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function openMesh(service: string) {
  const registry = localDiscovery();
  const monitors = new Map<string, DependencyMonitor>();
  const mesh: Mesh = createMesh({
    service,
    signingKey: generateSigningKey(`${service}-1`),
    discovery: registry.discovery,
    health: {
      monitorOf: (name) => {
        const dependency = declareDependency({ name, isCritical: false, degradedMode: 'All else goes on.' });
        const monitor = monitors.get(name) ?? new DependencyMonitor({ dependency });
        monitors.set(name, monitor);
        return monitor;
      },
    },
  });
  closers.push(mesh.close);
  return { mesh, set: registry.set, totalsOf: (name: string) => monitors.get(name)?.totals };
}
const open = async (answer: Upstream['answer']): Promise<Upstream> => {
  const upstream = await openUpstream(answer);
  closers.push(upstream.close);
  return upstream;
};

describe('What is known of a service that is called', () => {
  it('is every attempt, retries and refusals among them; an answer of any kind is no failure', async () => {
    const { mesh, set, totalsOf } = openMesh('shop');
    const read = () => mesh.call(readThing, {}, { tenantId }).catch(() => null);
    set('things', []);
    await read();
    expect(totalsOf('things')).toMatchObject({ call: 1, failed: 1, retry: 0, breaker: 0 });
    const good = await open(away);
    set('things', [good.url]);
    await read();
    expect(totalsOf('things')).toMatchObject({ call: 2, failed: 1, retry: 0 });
    set('things', [await closedUrl()]);
    for (let i = 0; i < 5; i++) await read();
    const { call = 0, failed = 0, retry = 0, breaker = 0 } = totalsOf('things') ?? {};
    // The fifth failure opened the breaker; from then on nothing was sent.
    expect({ call, failed }).toEqual({ call: 2 + 5, failed: 1 + 5 });
    expect(retry).toBeGreaterThan(0);
    expect(breaker).toBeGreaterThan(0);
  });
});

describe('Down a chain of services', () => {
  it('only the one next to what is broken tries again: retries add up, they do not multiply', async () => {
    const shop = openMesh('shop');
    const things = openMesh('things');
    const dead = await Promise.all(Array.from({ length: 30 }, () => open(hangUp)));
    things.set(
      'stocks',
      dead.map(({ url }) => url),
    );
    const between = await open((request, response) => {
      void things.mesh.call(readStock, {}, { tenantId }).then(
        () => response.writeHead(204).end(),
        () => away(request, response),
      );
    });
    shop.set('things', [between.url]);
    const calls = 100;
    const startedAtMs = performance.now();
    await Promise.all(
      Array.from({ length: calls }, () =>
        expect(shop.mesh.call(readThing, {}, { tenantId })).rejects.toMatchObject({ retryAfterSeconds: 1 }),
      ),
    );
    expect(between.seen).toHaveLength(calls);
    const attempts = dead.reduce((sum, { seen }) => sum + seen.length, 0);
    // 20 % of the requests, or ten a second where that is more; a second that was begun may have refilled some.
    const tookSeconds = (performance.now() - startedAtMs) / 1_000;
    expect(attempts).toBeGreaterThan(calls);
    expect(attempts).toBeLessThanOrEqual(calls * 1.2 + 20 + 10 * tookSeconds);
  });
});
