import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newUuid, type UserId } from '@tenantry/kernel/id.ts';
import { REGISTRY_BUCKET, registryKey } from '@tenantry/mesh/registry.ts';
import type { World } from '../../../../tests/support/world.ts';

/** An instance of users in the registry that answers one thing: in which language somebody is written to. */
export async function openPeople(world: World) {
  const locales = new Map<string, 'id' | 'en'>();
  let isAway = false;
  const server = createServer((request, response) => {
    const userId = /^\/internal\/users\/([^/]+)\/contact$/.exec(request.url ?? '')?.[1] ?? '';
    const locale = locales.get(userId);
    const problem = (status: number, code: string) =>
      response
        .writeHead(status, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify({ code, title: code, detail: code }));
    if (isAway) problem(503, 'upstream-unavailable');
    else if (locale === undefined) problem(404, 'not-found');
    else
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ userId, name: 'Budi', email: 'budi@example.com', locale }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const instanceId = `users-${newUuid()}`;
  const registry = await openStateWriter<unknown>(world.nats, REGISTRY_BUCKET);
  await registry.put(registryKey({ service: 'users', instanceId }), {
    instanceId,
    service: 'users',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    publicKey: toPublicJwk(generateSigningKey(instanceId).publicKey),
    status: 'up',
    generation: 1,
    registeredAt: '2026-01-01T00:00:00.000Z',
    endpoints: [],
  });
  return {
    speaks: (userId: string, locale: 'id' | 'en'): UserId => {
      locales.set(userId, locale);
      return userId as UserId;
    },
    forget: (userId: string): void => {
      locales.delete(userId);
    },
    leave: (): void => {
      isAway = true;
    },
    comeBack: (): void => {
      isAway = false;
    },
    close: (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
