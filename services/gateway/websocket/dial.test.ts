import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AddressGuard, tenantGuard } from '../products/network/address-guard.ts';
import { guardedConnect, type ResolveHost } from '../products/network/guarded-connect.ts';
import { openSocketProduct, type SocketProduct } from '../test/socket-shop.ts';
import { createBalancing } from '../upstreams/balancing/create-balancing.ts';
import type { Cluster } from '../upstreams/cluster.ts';
import { Instance } from '../upstreams/instance.ts';
import { InstanceGroup } from '../upstreams/instance-group.ts';
import { type Dialled, dial } from './dial.ts';

let inside: SocketProduct;
let port: number;
beforeAll(async () => {
  inside = await openSocketProduct('inside');
  port = Number(new URL(inside.url).port);
});
afterAll(() => inside.close());

const monotonicMs = (): number => performance.now();
/** What the cluster was told of attempts: whether the caller got a failure, and whether it was the instance's own. */
const observed: (readonly [boolean, boolean])[] = [];
beforeEach(() => {
  observed.splice(0);
});

async function dialTo(
  url: string,
  guard: AddressGuard,
  resolve: ResolveHost,
  path = '/',
  befalls: (instance: Instance) => void = () => undefined,
): Promise<Dialled> {
  const connect = guardedConnect({ guard, port: Number(new URL(url).port), timeoutMs: 500, resolve });
  const instance = new Instance({ instanceId: url, service: 'ups_1', url }, monotonicMs, { connect });
  befalls(instance);
  const balancing = createBalancing('round-robin', Math.random);
  const group = new InstanceGroup({
    balancing,
    slowStartMs: 0,
    monotonicMs,
    random: Math.random,
    instances: [instance],
  });
  const cluster: Cluster = {
    label: 'The product',
    isOurs: false,
    group: () => group,
    nextChange: async () => undefined,
    monotonicMs,
    observe: (isFailed, isFault) => void observed.push([isFailed, isFault]),
  };
  const destination = { cluster, path, balanceBy: '', headers: [], timeoutMs: 2_000, reshaping: null };
  const exchange = { isOver: false, onOver: null, instanceId: null };
  try {
    return await dial({ destination, exchange, protocols: [], maxMessageBytes: 1_024 });
  } finally {
    await instance.destroy();
  }
}

const causeOf = (dialling: Promise<Dialled>): Promise<unknown> =>
  dialling.then(
    ({ service }) => {
      service?.terminate();
      return 'open';
    },
    ({ cause }: { cause?: { code?: string; message?: string } }) => cause?.code ?? cause?.message,
  );

describe('A WebSocket to a tenant’s target', () => {
  const strict = tenantGuard([]);
  const lenient = tenantGuard(['127.0.0.0/8']);

  it('goes to the very address that was looked at, however the name changes its mind', async () => {
    // A rebinding name: public to whoever checks first, loopback to whoever connects.
    let asked = 0;
    const resolve: ResolveHost = async () => [{ address: asked++ === 0 ? '1.1.1.1' : '127.0.0.1', family: 4 }];
    expect(strict.allows((await resolve(''))[0]?.address ?? '', port)).toBe(true);
    expect(await causeOf(dialTo(`http://rebind.test:${port}`, strict, resolve))).toBe('ERR_ADDRESS_REFUSED');
    expect(inside.seen).toEqual([]);
    // It was the guard that refused, nothing else.
    expect(await causeOf(dialTo(`http://rebind.test:${port}`, lenient, resolve))).toBe('open');
    expect(inside.seen[0]?.headers.host).toBe(`rebind.test:${port}`);
  });

  it('is refused when one of several addresses is bad, and when the address is written out', async () => {
    const mixed: ResolveHost = async () => [
      { address: '1.1.1.1', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    const urls = [`http://mixed.test:${port}`, `https://mixed.test:${port}`, inside.url, `http://[::1]:${port}`];
    for (const url of urls)
      expect([url, await causeOf(dialTo(url, strict, mixed))]).toEqual([url, 'ERR_ADDRESS_REFUSED']);
  });

  it('counts as an attempt, whether it comes about or not', async () => {
    const resolve: ResolveHost = async () => [{ address: '127.0.0.1', family: 4 }];
    expect(await causeOf(dialTo(inside.url, lenient, resolve))).toBe('open');
    expect(await causeOf(dialTo('http://127.0.0.1:1', lenient, resolve))).toBe('ECONNREFUSED');
    expect(observed).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it('is not tried while the breaker of its target is open', async () => {
    const before = inside.seen.length;
    const resolve: ResolveHost = async () => [{ address: '127.0.0.1', family: 4 }];
    const breakIt = (instance: Instance): void => {
      for (let i = 0; i < 20; i++) {
        const permit = instance.acquire();
        if (permit !== null) instance.fail(permit, 1, null);
      }
    };
    await expect(dialTo(inside.url, lenient, resolve, '/', breakIt)).rejects.toMatchObject({
      kind: { code: 'upstream-unavailable' },
    });
    expect(inside.seen).toHaveLength(before);
  });

  it('speaks TLS where the target does: a server without it is not taken', async () => {
    const before = inside.seen.length;
    const resolve: ResolveHost = async () => [{ address: '127.0.0.1', family: 4 }];
    expect(await causeOf(dialTo(`https://shop.test:${port}`, lenient, resolve))).toBe('ERR_UNTRUSTED_SERVER');
    expect(inside.seen).toHaveLength(before);
  });

  it('is asked for with nothing that could end the request line', async () => {
    const resolve: ResolveHost = async () => [];
    for (const path of ['/a b', '/a\r\nHost: evil', '', 'http://evil.test/', '/ä'])
      expect(await causeOf(dialTo(inside.url, lenient, resolve, path))).toMatch(/request target/);
  });
});
