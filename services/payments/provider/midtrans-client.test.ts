import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runWithContext } from '@tenantry/kernel/call-context.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MidtransAccount } from './midtrans-account.ts';
import { createMidtransClient } from './midtrans-client.ts';
import { createProviderPolicies } from './provider-policies.ts';

const account: MidtransAccount = {
  tenantId: newId('ten'),
  environment: 'sandbox',
  serverKey: 'SB-Mid-server-TESTKEY0000000000',
};

type Script = (attempt: number) => { readonly status: number; readonly body: string } | null;

/** A server that answers attempt after attempt as scripted; null leaves the caller waiting. */
async function serverThatSays(script: Script) {
  const heard: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    heard.push(request.headers);
    const answer = script(heard.length);
    if (answer !== null) response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = createMidtransClient({
    urls: { sandbox: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, production: 'http://127.0.0.1:1' },
    policies: createProviderPolicies({ onTransition: () => undefined }),
  });
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await client.close();
  });
  return { heard, client };
}

const charge = {
  method: 'POST',
  path: '/v2/charge',
  body: {},
  idempotencyKey: 'k-1',
  notificationUrl: 'http://x/y',
} as const;
const json = (body: object, status = 200) => ({ status, body: JSON.stringify(body) });

describe('Talking to Midtrans', () => {
  it('sends the server key as the user name and names where notifications go', async () => {
    const { heard, client } = await serverThatSays(() => json({ status_code: '201', transaction_status: 'pending' }));
    expect((await client.send(account, charge)).code).toBe('201');
    expect(heard[0]).toMatchObject({
      authorization: 'Basic U0ItTWlkLXNlcnZlci1URVNUS0VZMDAwMDAwMDAwMDo=',
      'idempotency-key': 'k-1',
      'x-override-notification': 'http://x/y',
      'content-type': 'application/json',
      accept: 'application/json',
    });
  });

  it('believes the code in the body, not the HTTP status', async () => {
    const { heard, client } = await serverThatSays(() => json({ status_code: 412, status_message: 'no' }));
    expect((await client.send(account, charge)).code).toBe('412');
    expect(heard).toHaveLength(1);
  });

  it('tries again with the same Idempotency-Key after what may pass, and after nothing else', async () => {
    for (const code of ['429', '500', '502', '503', '504', '505', '900']) {
      const { heard, client } = await serverThatSays((attempt) =>
        attempt === 1 ? json({ status_code: code }) : json({ status_code: '201' }),
      );
      expect((await client.send(account, charge)).code).toBe('201');
      expect(heard.map((headers) => headers['idempotency-key'])).toEqual(['k-1', 'k-1']);
    }
    for (const code of ['202', '400', '402', '404', '406', '407', '410', '414', '501']) {
      const { heard, client } = await serverThatSays(() => json({ status_code: code }));
      expect((await client.send(account, charge)).code).toBe(code);
      expect(heard).toHaveLength(1);
    }
  });

  it('takes the error page of something in between for no answer at all', async () => {
    const { heard, client } = await serverThatSays(() => ({ status: 403, body: '<html>blocked</html>' }));
    await expect(client.send(account, charge)).rejects.toMatchObject({
      kind: { code: 'upstream-unavailable' },
      retryAfterSeconds: 5,
    });
    expect(heard).toHaveLength(3);
  });

  it('waits no longer than its caller does', async () => {
    const { client } = await serverThatSays(() => null);
    const context = { traceparent: '', deadlineMs: Date.now() + 500 };
    const answer = runWithContext(context, () => client.send(account, charge));
    await expect(answer).rejects.toMatchObject({ kind: { code: 'upstream-timeout' } });
  });
});
