import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { newId } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Verified } from '../access/verified.ts';
import { Exchange } from '../edge/exchange.ts';
import { Admission } from './admission.ts';
import { PreparedRefusal } from './prepared-refusal.ts';

const PLACES = 100;
const WEIGHT = 4;

let admission: Admission;
beforeEach(() => {
  admission = new Admission({ maxInFlight: PLACES, weightOf: () => WEIGHT });
});
afterEach(() => admission.close());

function verified(): Verified {
  const [tenantId, userId, sessionId] = [newId('ten'), newId('usr'), newId('ses')];
  const nowSeconds = Math.floor(Date.now() / 1_000);
  return {
    claims: { tenantId, userId, sessionId, roles: [], issuedAtSeconds: nowSeconds, expiresAtSeconds: nowSeconds + 60 },
    kid: 'k',
    principal: { kind: 'user', tenantId, id: userId, grants: [], roles: [], sessionId, onBehalfOf: null },
    rateKeys: { tenantKey: tenantId, principalKey: userId },
    allowed: new Map(),
    passport: null,
  };
}

function request(address: string, who: Verified | null): Exchange {
  const message = new IncomingMessage(new Socket());
  const exchange = new Exchange(message, new ServerResponse(message), address);
  exchange.verified = who;
  return exchange;
}

const isLetIn = (exchange: Exchange): boolean => {
  try {
    admission.enter(exchange);
    return true;
  } catch (error) {
    if (error instanceof PreparedRefusal) return false;
    throw error;
  }
};
const lettingIn = (count: number, who: Verified | null): number =>
  Array.from({ length: count }, (_, index) => isLetIn(request(`198.51.100.${index}`, who))).filter(Boolean).length;

describe('Whoever comes without a token', () => {
  it('shares one place with all who do, however many addresses they have', () => {
    expect(lettingIn(PLACES, null)).toBe(PLACES);
    expect(isLetIn(request('203.0.113.1', null))).toBe(false);
    expect(admission.counts.refused).toEqual({ 'over-share': 1, full: 0 });
    // Of the same weight, a tenant has as many places as all of them together.
    expect(lettingIn(PLACES, verified())).toBe(PLACES / 2);
  });
});

describe('A place', () => {
  it('is free again once, however often its request is said to be over', () => {
    const who = verified();
    const first = request('198.51.100.1', who);
    admission.enter(first);
    expect(lettingIn(PLACES, who)).toBe(PLACES - 1);
    for (let i = 0; i < 3; i++) admission.leave(first);
    expect(admission.inFlight).toBe(PLACES - 1);
    admission.leave(request('198.51.100.1', who)); // one that was never let in
    expect(lettingIn(5, who)).toBe(1);
  });
});
