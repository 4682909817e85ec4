import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { createServiceProbe } from './service-probe.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function open(status: number) {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    response.writeHead(status).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, paths };
}
const instance = (url: string, some: Partial<InstanceRecord> = {}) =>
  ({ service: 'billing', status: 'up', url, ...some }) as InstanceRecord;
const { signal } = new AbortController();

describe('Asking a service of ours for a sign of life', () => {
  it('asks its instances in turn whether they are ready, and no others', async () => {
    const [one, two, other] = [await open(200), await open(200), await open(200)];
    const all = [
      instance(one.url),
      instance(two.url),
      instance(other.url, { service: 'users' }),
      instance(other.url, { status: 'draining' }),
    ];
    const probe = createServiceProbe({ all: () => all })('billing');
    for (let i = 0; i < 4; i++) await probe(signal);
    expect([one.paths, two.paths, other.paths]).toEqual([
      ['/health/ready', '/health/ready'],
      ['/health/ready', '/health/ready'],
      [],
    ]);
  });

  it('fails where nobody is registered, where nobody listens, and where an instance is not ready', async () => {
    await expect(createServiceProbe({ all: () => [] })('billing')(signal)).rejects.toThrow('registered');
    const unready = await open(503);
    await expect(createServiceProbe({ all: () => [instance(unready.url)] })('billing')(signal)).rejects.toThrow(
      'ready',
    );
    const gone = instance('http://127.0.0.1:1');
    await expect(createServiceProbe({ all: () => [gone] })('billing')(signal)).rejects.toThrow();
  });
});
