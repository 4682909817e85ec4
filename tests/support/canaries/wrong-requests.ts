import { type Endpoint, paramNames } from '@tenantry/contract/endpoint.ts';
import { request } from '@tenantry/deploy/demo/api.ts';
import type { Canary } from './find-canaries.ts';
import { inTurns } from './in-turns.ts';
import { newWord } from './walk-with-canaries.ts';

type Asking = {
  readonly gateway: string;
  readonly endpoints: readonly Endpoint[];
  /** Of somebody who may do this. */
  readonly tokenFor: (endpoint: Endpoint) => string;
  /** Of things that are there, for what comes without a token. */
  readonly ids: Readonly<Record<string, string>>;
};

const TOO_LARGE_BYTES = 1_200_000;
/** A card number that satisfies Luhn's check and no issuer has given out. */
const newCardNumber = (): string => {
  const digits = `400000${String(Date.now()).slice(-9)}`;
  const sum = [...digits].reverse().reduce((total, digit, at) => {
    const doubled = Number(digit) * (at % 2 === 0 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
};

/** Sends canaries wherever a request can be wrong, to every endpoint of the gateway. @returns what was sent, and how it was answered */
export async function sendWrongRequests({ gateway, endpoints, tokenFor, ids }: Asking) {
  const canaries: Canary[] = [];
  const statuses = new Set<number>();
  const keep = (kind: string, value = newWord()): string => {
    canaries.push({ kind, of: 'nobody', value });
    return value;
  };
  const send = async (path: string, method: string, options: Parameters<typeof request>[2] = {}): Promise<void> => {
    statuses.add((await request(`${gateway}${path}`, method, options)).status);
  };
  const sendRaw = async (path: string, body: string, type: string, token: string): Promise<void> => {
    const headers = { 'content-type': type, authorization: `Bearer ${token}` };
    statuses.add((await fetch(`${gateway}${path}`, { method: 'POST', headers, body })).status);
  };

  await inTurns(endpoints, async (endpoint) => {
    const { method, example } = endpoint;
    const token = tokenFor(endpoint);
    const path = filled(endpoint, example.params);
    for (const name of paramNames(endpoint.path))
      await send(filled(endpoint, { ...example.params, [name]: keep('value in the path') }), method, {
        token,
        // Not one that could be acted on: some names are free to choose.
        ...(endpoint.body === null ? {} : { body: { [keep('name in a body')]: true } }),
      });
    if (method === 'GET' && endpoint.path !== '/v1/events') {
      const query = new URLSearchParams({
        limit: keep('value in the query'),
        [keep('name in the query')]: keep('value in the query'),
      });
      await send(`${path}?${query}`, method, { token });
    }
    if (endpoint.body === null) return;
    const known = example.body as Record<string, unknown>;
    for (const name of Object.keys(known)) {
      for (const wrong of [{ in: keep('value in a body') }, [keep('value in a body')]])
        await send(path, method, { token, body: { ...known, [name]: wrong } });
      if (typeof known[name] !== 'string')
        await send(path, method, { token, body: { ...known, [name]: keep('value in a body') } });
    }
    await send(path, method, { token, body: { ...known, [keep('name in a body')]: keep('value in a body') } });
    await send(path, method, { token, body: { ...known, cardNumber: keep('card number', newCardNumber()) } });
    await send(path, method, { token, body: keep('body of another type') });
  });

  const login = '/v1/auth/login';
  const anyToken = tokenFor(endpoints[0] as Endpoint);
  await sendRaw(login, `{"email":"${keep('unreadable body')}`, 'application/json', anyToken);
  await sendRaw(login, keep('unreadable body'), 'application/json', anyToken);
  await sendRaw(login, `email=${keep('unreadable body')}`, 'application/x-www-form-urlencoded', anyToken);
  await sendRaw(
    login,
    JSON.stringify({ password: keep('body that is too large').repeat(TOO_LARGE_BYTES / 22) }),
    'application/json',
    anyToken,
  );
  await send(`/${keep('path')}`, 'GET');
  await send(`/v1/${keep('path')}`, 'GET', { token: anyToken });
  await send(`/apps/${keep('path')}`, 'GET', { token: anyToken });
  await send(`/v1/users/%00${keep('path')}`, 'GET', { token: anyToken });
  for (const name of [
    'x-tenant-id',
    'idempotency-key',
    'traceparent',
    'cookie',
    'user-agent',
    'x-request-id',
    'origin',
    'referer',
    'tenantry-passport',
    'x-forwarded-for',
    'accept',
    'if-match',
    'last-event-id',
  ])
    await send('/v1/me', 'GET', { token: anyToken, headers: { [name]: keep(`header ${name}`) } });
  for (const scheme of ['Bearer ', 'Basic ', ''])
    await send('/v1/me', 'GET', { headers: { authorization: `${scheme}${keep('header authorization')}` } });
  await send('/v1/me', 'GET', { headers: { authorization: `Bearer ${anyToken}${keep('header authorization')}` } });
  await send(login, 'POST', {
    body: {
      tenant: keep('slug of nobody'),
      email: `${keep('e-mail of nobody')}@example.com`,
      password: keep('wrong password'),
    },
  });
  await send(`/v1/webhooks/telegram/${ids['botId']}`, 'POST', {
    headers: { 'x-telegram-bot-api-secret-token': keep('wrong webhook secret') },
    body: { update_id: 1, message: { text: keep('refused update') } },
  });
  await send(`/v1/webhooks/midtrans/${ids['tenantId']}`, 'POST', {
    body: {
      ...{
        order_id: ids['paymentId'],
        status_code: '200',
        gross_amount: '1.00',
        va_numbers: [keep('refused webhook')],
      },
      signature_key: keep('wrong webhook signature'),
    },
  });
  await send('/v1/auth/refresh', 'POST', { body: { refreshToken: keep('wrong token') } });
  await send('/v1/auth/verify', 'POST', { body: { token: keep('wrong token') } });
  return { canaries, statuses };
}

const filled = (endpoint: Endpoint, params: Readonly<Record<string, string>>): string =>
  endpoint.path.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => params[name] ?? 'unknown');
