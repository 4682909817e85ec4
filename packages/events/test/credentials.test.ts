import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats } from '../nats.ts';
import { natsUrl } from './nats-under-test.ts';
import { openPrivateNats } from './private-nats.ts';

const TOKEN = 'a_token-1';
const as = { name: 'credentials', namespace: '' };

let server: Awaited<ReturnType<typeof openPrivateNats>>;
beforeAll(async () => {
  server = await openPrivateNats(TOKEN);
});
afterAll(() => server.close());

const urlWith = (credentials: string): string => server.url.replace('nats://', `nats://${credentials}@`);

describe('A server that asks for a token', () => {
  it.each([
    ['none', undefined],
    ['another one', 'wrong'],
  ])('refuses a connection with %s', async (_, token) => {
    const refused = connectNats({ url: server.url, ...as, ...(token === undefined ? {} : { token }) });
    await expect(refused).rejects.toThrow(/Authorization Violation/i);
  });

  it('lets one in with it, and again after it was killed', async () => {
    const nats = await connectNats({ url: server.url, ...as, token: TOKEN });
    await nats.connection.flush();
    await server.kill();
    await server.restart();
    await eventually(() => nats.connection.flush());
    await nats.close();
  });

  it('gets the one in the URL rather than the other', async () => {
    const nats = await connectNats({ url: urlWith(TOKEN), ...as, token: 'wrong' });
    await nats.connection.flush();
    await nats.close();
    await expect(connectNats({ url: urlWith('1user:2pass'), ...as, token: TOKEN })).rejects.toThrow(/Authorization/i);
  });
});

it('A server that asks for nothing ignores the token', async () => {
  const nats = await connectNats({ url: natsUrl(), ...as, token: TOKEN });
  await nats.connection.flush();
  await nats.close();
});
