import { expectAnswer, request, waitFor } from '@tenantry/deploy/demo/api.ts';
import { type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import type { LaunchedSystem } from '../launched-system.ts';
import type { Canary } from './find-canaries.ts';
import { type Stores, withPostgres } from './read-stores.ts';
import { type Confidant, newWord } from './walk-with-canaries.ts';

type Failing = {
  readonly system: LaunchedSystem;
  readonly stores: Stores;
  readonly operatorToken: string;
  readonly confidant: Confidant;
};

/**
 * Canaries in requests that are right and fail all the same: the database refuses a row, holds one that nobody can show, and
 * dies. @returns what was sent, and the statuses of each failure
 */
export async function sendIntoFailures({ system, stores, operatorToken, confidant }: Failing) {
  const canaries: Canary[] = [];
  const { tenant, customer, order, password } = confidant;
  const word = (kind: string): string => {
    const value = newWord();
    canaries.push({ kind, of: tenant.slug, value });
    return value;
  };
  const send = async (
    method: string,
    path: string,
    token: string | null,
    body: unknown,
    headers = {},
  ): Promise<number> => {
    const who = token === null ? {} : { token };
    return (await request(`${system.addresses.gateway}${path}`, method, { ...who, headers, body })).status;
  };
  const asSuperuser = (statement: string, values: unknown[] = []) =>
    withPostgres(stores, (client) => client.query(statement, values));

  // PostgreSQL quotes a row that it refuses.
  const refusedName = `Budi ${word('unsaved name')}`;
  await asSuperuser(`alter table users.users add constraint refused check (name <> '${refusedName}') not valid`);
  const refused = await send('PATCH', '/v1/me', customer.token, { name: refusedName });
  await asSuperuser('alter table users.users drop constraint refused');

  const ofTenant = 'where tenant_id = $1 and email = $2';
  const whose = [uuidOf(tenant.id as TenantId), customer.email];
  await asSuperuser(`update users.users set roles = roles || $3::text ${ofTenant}`, [
    ...whose,
    word('unheard-of role'),
  ]);
  const unshowable = (
    await request(`${system.addresses.gateway}/v1/users?limit=200`, 'GET', { token: tenant.adminToken })
  ).status;
  await asSuperuser(`update users.users set roles = roles[1:cardinality(roles) - 1] ${ofTenant}`, whose);

  const outside = await failOutside();

  await system.kill('PostgreSQL');
  const withoutDatabase = await Promise.all([
    send('PATCH', '/v1/me', customer.token, { name: `Budi ${word('name')}` }),
    send('PATCH', '/v1/tenant', tenant.adminToken, { name: `Trading ${word('business')}` }),
    send('PUT', '/v1/me/password', customer.token, { currentPassword: password, newPassword: word('password') }),
    send('POST', '/v1/auth/login', null, {
      tenant: tenant.slug,
      email: customer.email,
      password: word('wrong password'),
    }),
    send('POST', '/v1/auth/refresh', null, { refreshToken: `rt_${tenant.id.slice(4)}_${word('wrong token')}` }),
    send('POST', '/v1/auth/register', null, {
      ...{
        tenant: tenant.slug,
        email: `${word('e-mail')}@acme.example`,
        password: word('password'),
        name: word('name'),
      },
    }),
    send(
      'POST',
      `/v1/payments/${order.paymentId}/refunds`,
      tenant.adminToken,
      { reason: word('reason of a refund') },
      {
        'idempotency-key': word('idempotency key'),
      },
    ),
    send('POST', '/v1/tenants', operatorToken, {
      ...{
        slug: 'gamma',
        name: `Trading ${word('business')}`,
        country: 'ID',
        currency: 'IDR',
        timeZone: 'Asia/Jakarta',
      },
      admin: { email: `${word('e-mail')}@gamma.example`, password: word('password'), name: word('name') },
    }),
    send('PUT', '/v1/payment-providers/midtrans', tenant.adminToken, {
      ...{ environment: 'sandbox', serverKey: `SB-Mid-server-${word('server key')}` },
    }),
  ]);
  await system.wholeAgain(operatorToken);
  return { canaries, statuses: { refused, unshowable, outside, withoutDatabase } };

  /** Midtrans, Telegram, the mail server and a product break off or refuse, naming whom it is about. */
  async function failOutside(): Promise<readonly number[]> {
    const { midtrans, telegram, mailbox } = system.addresses;
    const orderFault = (at: string, times: number, fault: object) =>
      expectAnswer(201, `${at}/simulator/faults`, 'POST', { body: { times, fault } });
    await Promise.all([
      orderFault(midtrans, 3, { kind: 'connection-reset' }),
      orderFault(telegram, 3, { kind: 'reset' }),
      orderFault(mailbox, 1, { kind: 'temporary' }),
      orderFault(mailbox, 1, { kind: 'permanent' }),
    ]);
    const signUp = () =>
      send('POST', '/v1/auth/register', null, {
        ...{ tenant: tenant.slug, email: `${word('e-mail')}@acme.example`, password: word('password') },
        name: word('name'),
      });
    const statuses = await Promise.all([
      signUp(),
      signUp(),
      send('POST', '/v1/bots', tenant.adminToken, {
        ...{ token: `${Date.now()}:${word('bot token')}${newWord()}`.slice(0, 49), purpose: 'alerts' },
      }),
      send('POST', `/v1/payments/${order.paymentId}/refunds`, tenant.adminToken, {
        reason: word('reason of a refund'),
      }),
      send('POST', `/apps/shop?secret=${word('product query')}`, customer.token, { note: word('product body') }),
    ]);
    // Both refusals were heard: each is used up by one mail.
    await waitFor(
      () => expectAnswer<{ data: unknown[] }>(200, `${mailbox}/simulator/faults`, 'GET'),
      ({ data }) => data.length === 0,
      30_000,
    );
    return statuses;
  }
}
