import { newId, type SessionId, type TenantId } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Verified } from '../access/verified.ts';
import { type EndReason, LiveSessions } from './live-sessions.ts';

const NOW_MS = Date.parse('2026-11-22T09:30:00Z');

let revoked: Set<SessionId>;
let suspended: Set<TenantId>;
let sessions: LiveSessions;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW_MS });
  revoked = new Set();
  suspended = new Set();
  sessions = new LiveSessions({
    isRevoked: (sessionId) => revoked.has(sessionId),
    isSuspended: (tenantId) => suspended.has(tenantId),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

function verified(tenantId: TenantId = newId('ten'), sessionId: SessionId = newId('ses'), lifeSeconds = 60): Verified {
  const userId = newId('usr');
  return {
    claims: {
      tenantId,
      userId,
      sessionId,
      roles: [],
      issuedAtSeconds: NOW_MS / 1_000,
      expiresAtSeconds: NOW_MS / 1_000 + lifeSeconds,
    },
    principal: { kind: 'user', tenantId, id: userId, grants: [], roles: [], sessionId, onBehalfOf: null },
    kid: 'at-1',
    rateKeys: { tenantKey: tenantId, principalKey: userId },
    allowed: new Map(),
    passport: null,
  };
}

function watch(whose: Verified | null) {
  const ends: EndReason[] = [];
  const forget = sessions.watch(whose, (reason) => ends.push(reason));
  return { ends, forget };
}

describe('What stays open', () => {
  it('ends when its token expires, not before', () => {
    const { ends } = watch(verified());
    vi.advanceTimersByTime(59_999);
    expect(ends).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ends).toEqual(['expired']);
  });

  it('ends once, for the first reason', () => {
    const one = verified();
    const { ends } = watch(one);
    revoked.add(one.claims.sessionId);
    sessions.sessionChanged(one.claims.sessionId);
    sessions.sessionChanged(one.claims.sessionId);
    sessions.drain();
    vi.advanceTimersByTime(120_000);
    expect(ends).toEqual(['revoked']);
    expect(sessions.size).toBe(0);
  });

  it('ends with its own session and tenant only', () => {
    const tenantId = newId('ten');
    const [a, b] = [verified(tenantId), verified(tenantId)];
    const [first, second, other] = [watch(a), watch(b), watch(verified())];
    revoked.add(a.claims.sessionId);
    sessions.sessionChanged(a.claims.sessionId);
    expect([first.ends, second.ends, other.ends]).toEqual([['revoked'], [], []]);
    // A change of a tenant is not a suspension, nor is every push of a session its end.
    sessions.tenantChanged(tenantId);
    sessions.sessionChanged(b.claims.sessionId);
    expect(second.ends).toEqual([]);
    suspended.add(tenantId);
    sessions.tenantChanged(tenantId);
    expect([second.ends, other.ends]).toEqual([['suspended'], []]);
  });

  it('ends where the push came between the check of the token and now', async () => {
    const late = verified();
    revoked.add(late.claims.sessionId);
    const [one, expired] = [watch(late), watch(verified(newId('ten'), newId('ses'), -1))];
    await Promise.resolve();
    vi.advanceTimersByTime(1);
    expect([one.ends, expired.ends]).toEqual([['revoked'], ['expired']]);
    sessions.drain();
    const afterwards = watch(null);
    await Promise.resolve();
    expect(afterwards.ends).toEqual(['draining']);
  });

  it('is forgotten when it has ended by itself', () => {
    const one = verified();
    const { ends, forget } = watch(one);
    forget();
    revoked.add(one.claims.sessionId);
    sessions.sessionChanged(one.claims.sessionId);
    sessions.drain();
    vi.advanceTimersByTime(120_000);
    expect([ends, sessions.size]).toEqual([[], 0]);
  });
});
