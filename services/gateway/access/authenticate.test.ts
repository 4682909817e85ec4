import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { issueAccessToken } from '@tenantry/auth/access-token.ts';
import { generateSigningKey } from '@tenantry/auth/jws.ts';
import { newId, type SessionId } from '@tenantry/kernel/id.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { Exchange } from '../edge/exchange.ts';
import { readRequestHead } from '../edge/request-head.ts';
import { FailureLimiter } from '../limits/failure-limiter.ts';
import { LimitCounts } from '../limits/limit-counts.ts';
import { PreparedRefusal } from '../overload/prepared-refusal.ts';
import { RouteState } from '../routing/route-state.ts';
import { createAuthenticate } from './authenticate.ts';

const ISSUER = 'http://gateway.test';
const KEY = generateSigningKey('k1');
const SECOND = 1_000;

let nowMs: number;
let silentForMs: number;
let confirm: () => Promise<boolean>;
let confirmations: number;
let keys: Map<string, typeof KEY.publicKey>;
let signatures: number;
let revoked: Set<SessionId>;
let recheck: (sessionId: SessionId) => Promise<'valid' | 'revoked'>;
let questions: SessionId[];
let failures: FailureLimiter;
let authenticate: ReturnType<typeof createAuthenticate>;

beforeEach(() => {
  nowMs = Date.now();
  silentForMs = 0;
  confirm = async () => false;
  confirmations = 0;
  signatures = 0;
  keys = new Map([['k1', KEY.publicKey]]);
  revoked = new Set();
  questions = [];
  recheck = async () => 'valid';
  failures = new FailureLimiter({
    policy: { name: 'failures', limit: 5, windowSeconds: 5 },
    gateways: () => 1,
    counts: new LimitCounts(),
    monotonicMs: () => nowMs,
  });
  authenticate = createAuthenticate({
    issuer: ISSUER,
    keys: {
      keyOf: (kid) => {
        // Asked for once per hit, to see that it is still there, and twice for a signature.
        signatures++;
        return keys.get(kid);
      },
      fetch: async () => false,
    },
    isRevoked: (sessionId) => revoked.has(sessionId),
    feedSilentForMs: () => silentForMs,
    confirmFeed: () => {
      confirmations++;
      return confirm();
    },
    recheck: ({ sessionId }) => {
      questions.push(sessionId);
      return recheck(sessionId);
    },
    failures,
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
  });
});

function tokenOf(sessionId: SessionId = newId('ses'), lifeSeconds = 300): string {
  const nowSeconds = Math.floor(nowMs / SECOND);
  return issueAccessToken(KEY, ISSUER, {
    tenantId: newId('ten'),
    userId: newId('usr'),
    sessionId,
    roles: ['admin'],
    issuedAtSeconds: nowSeconds,
    expiresAtSeconds: nowSeconds + lifeSeconds,
  });
}

function exchangeOf(token: string | null, method: 'GET' | 'POST' = 'GET', address = '192.0.2.1'): Exchange {
  const request = new IncomingMessage(new Socket());
  const exchange = new Exchange(request, new ServerResponse(request), address);
  const authorization = token === null ? [] : ['authorization', `Bearer ${token}`];
  exchange.head = readRequestHead(['host', 'gateway.test', ...authorization], '1.1');
  const endpoint: EndpointRecord = {
    name: 'notes.x',
    method,
    path: '/v1/x',
    access: 'principal',
    permission: 'note:x',
    reach: 'own',
    idempotency: false,
    rateLimit: null,
    maxBodyBytes: 0,
    openapi: { path: '/v1/x', method: 'get', operation: {} },
  };
  exchange.route = { service: 'notes', answer: null, isOperational: false, endpoint, state: new RouteState(endpoint) };
  return exchange;
}

/** `in`, or how it was refused. */
async function outcome(exchange: Exchange): Promise<string> {
  try {
    await authenticate(exchange);
    return exchange.verified === null ? 'nobody' : 'in';
  } catch (error) {
    if (error instanceof PreparedRefusal) return '429';
    return (error as { kind: { code: string } }).kind.code;
  }
}
const ask = (token: string | null, method: 'GET' | 'POST' = 'GET', address?: string) =>
  outcome(exchangeOf(token, method, address));

describe('A token that was checked before', () => {
  it('is answered without cryptography and without a promise', async () => {
    const token = tokenOf();
    expect(await ask(token)).toBe('in');
    const before = signatures;
    expect(authenticate(exchangeOf(token))).toBeUndefined();
    expect(signatures - before).toBe(1);
  });

  it('never counts past its expiry, its session or its key', async () => {
    const sessionId = newId('ses');
    const [short, ended, good] = [tokenOf(newId('ses'), 60), tokenOf(sessionId), tokenOf()];
    for (const token of [short, ended, good]) expect(await ask(token)).toBe('in');
    nowMs += 61 * SECOND;
    revoked.add(sessionId);
    expect(await ask(short)).toBe('token-expired');
    expect(await ask(ended)).toBe('unauthenticated');
    expect(await ask(good)).toBe('in');
    keys.clear();
    expect(await ask(good)).toBe('unauthenticated');
  });
});

describe('Failing', () => {
  it('is refused with 429 before any signature is checked, and let try again as time passes', async () => {
    for (let i = 0; i < 5; i++) expect(await ask(`${tokenOf().slice(0, -4)}AAAA`)).toBe('unauthenticated');
    const before = signatures;
    expect(await ask(tokenOf())).toBe('429');
    expect(await ask(null)).toBe('429');
    expect(signatures).toBe(before);
    nowMs += SECOND;
    expect(await ask(tokenOf())).toBe('in');
  });

  it('does not lock out a neighbour whose token was checked before, nor another address', async () => {
    const neighbour = tokenOf();
    expect(await ask(neighbour)).toBe('in');
    for (let i = 0; i < 50; i++) await ask(null);
    expect(await ask(null)).toBe('429');
    expect(await ask(neighbour)).toBe('in');
    expect(await ask(tokenOf(), 'GET', '192.0.2.2')).toBe('in');
  });

  it('with a genuine token of an ended session is failing too: it costs a signature each time', async () => {
    const sessionId = newId('ses');
    revoked.add(sessionId);
    const token = tokenOf(sessionId);
    for (let i = 0; i < 5; i++) expect(await ask(token)).toBe('unauthenticated');
    expect(await ask(token)).toBe('429');
  });

  it('of a client with a whole IPv6 network counts as one', async () => {
    for (let i = 0; i < 5; i++) await ask(null, 'GET', `2001:db8::${i}`);
    expect(await ask(null, 'GET', '2001:db8::ffff')).toBe('429');
  });
});

describe('While the feed of revocations is silent', () => {
  beforeEach(() => {
    silentForMs = 1_001;
  });

  it('nobody is asked in the first second', async () => {
    silentForMs = 1_000;
    expect(await ask(tokenOf(), 'POST')).toBe('in');
    expect(questions).toEqual([]);
  });

  it('because this process stood still, the feed is asked, once for all, and users is not', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    confirm = () => promise;
    const waiting = Array.from({ length: 1_000 }, () => ask(tokenOf(), 'POST'));
    const ended = newId('ses');
    const caught = ask(tokenOf(ended), 'POST');
    revoked.add(ended); // What the feed has had to say meanwhile counts.
    resolve(true);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['in']));
    expect(await caught).toBe('unauthenticated');
    expect([confirmations, questions]).toEqual([1, []]);
  });

  it('and away, it is asked once in five seconds, so that nobody else waits for it', async () => {
    for (let i = 0; i < 3; i++) await ask(tokenOf());
    expect([confirmations, questions.length]).toEqual([1, 3]);
    nowMs += 5 * SECOND;
    await ask(tokenOf());
    expect(confirmations).toBe(2);
  });

  it('users is asked once a second for a session, whoever waits for the answer', async () => {
    const sessionId = newId('ses');
    const token = tokenOf(sessionId);
    const other = tokenOf(sessionId);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i % 2 === 0 ? token : other)));
    expect(answers).toEqual(Array.from({ length: 40 }, () => 'in'));
    expect(questions).toEqual([sessionId]);
    expect(authenticate(exchangeOf(token))).toBeUndefined();
    nowMs += SECOND;
    expect(await ask(token)).toBe('in');
    expect(questions).toHaveLength(2);
  });

  it('a session that users calls ended is out, for good, without asking again', async () => {
    const token = tokenOf();
    expect(await ask(token)).toBe('in');
    recheck = async () => 'revoked';
    nowMs += SECOND;
    expect(await ask(token)).toBe('unauthenticated');
    nowMs += 10 * SECOND;
    recheck = async () => 'valid';
    expect(await ask(token)).toBe('unauthenticated');
    expect(questions).toHaveLength(2);
  });

  it('and users is away, what changes something is 503 and reading goes on until the token expires', async () => {
    recheck = async () => {
      throw new Error('away');
    };
    const token = tokenOf(newId('ses'), 60);
    expect(await ask(token, 'POST')).toBe('upstream-unavailable');
    expect(await ask(token, 'GET')).toBe('in');
    expect(questions).toHaveLength(1);
    nowMs += 61 * SECOND;
    expect(await ask(token, 'GET')).toBe('token-expired');
  });

  it('a revocation that was pushed before still counts', async () => {
    const sessionId = newId('ses');
    revoked.add(sessionId);
    expect(await ask(tokenOf(sessionId))).toBe('unauthenticated');
    expect(questions).toEqual([]);
  });

  it('an answer counts from when it was asked for', async () => {
    await ask(tokenOf()); // The feed has been asked in vain.
    questions = [];
    const token = tokenOf();
    const { promise, resolve } = Promise.withResolvers<'valid'>();
    recheck = () => promise;
    const slow = ask(token);
    nowMs += 900;
    resolve('valid');
    expect(await slow).toBe('in');
    nowMs += 100;
    await ask(token);
    expect(questions).toHaveLength(2);
  });
});
