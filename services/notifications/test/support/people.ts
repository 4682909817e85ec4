import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { UserId } from '@tenantry/kernel/id.ts';
import { registerStandIn } from '../../../../tests/support/register-stand-in.ts';
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
  const registration = await registerStandIn({
    hubUrl: world.urlOf('hub'),
    service: 'users',
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
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
    async close(): Promise<void> {
      await registration.leave();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
