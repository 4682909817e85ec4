import { describe, expect, it } from 'vitest';
import {
  backoffMs,
  beginAttempt,
  concludeFailed,
  concludeSent,
  type Delivery,
  giveUp,
  MAX_ATTEMPTS,
  readiness,
} from './delivery.ts';

const NOW = Temporal.Instant.from('2026-11-22T02:00:00Z');
const QUEUED: Delivery = {
  status: 'queued',
  attempts: 0,
  uncertain: 0,
  notBefore: null,
  leasedUntil: null,
  failure: null,
};
const later = (seconds: number) => NOW.add({ seconds });

describe('When a message may be tried', () => {
  it('is at once when it was just written', () => {
    expect(readiness(QUEUED, NOW)).toEqual({ kind: 'ready' });
  });
  it('is not before the moment that was agreed on', () => {
    const waiting = { ...QUEUED, notBefore: later(5) };
    expect(readiness(waiting, later(4))).toEqual({ kind: 'wait', until: later(5) });
    expect(readiness(waiting, later(5))).toEqual({ kind: 'ready' });
  });
  it('is not while somebody else is at it, and again when their lease has lapsed', () => {
    const sending = beginAttempt(QUEUED, NOW);
    expect(readiness(sending, later(29))).toEqual({ kind: 'wait', until: later(30) });
    expect(readiness(sending, later(30))).toEqual({ kind: 'ready' });
  });
  it.each(['sent', 'suppressed', 'dead'] as const)('is never again once it is %s', (status) => {
    expect(readiness({ ...QUEUED, status }, later(1e6))).toEqual({ kind: 'final' });
  });
});

describe('An attempt', () => {
  it('counts from the moment it begins', () => {
    expect(beginAttempt(QUEUED, NOW)).toMatchObject({ status: 'sending', attempts: 1, uncertain: 0 });
  });
  it('that follows one without an outcome knows that the message may have arrived', () => {
    expect(beginAttempt(beginAttempt(QUEUED, NOW), later(30))).toMatchObject({ attempts: 2, uncertain: 1 });
  });
});

describe('What becomes of an attempt', () => {
  const sending = beginAttempt({ ...QUEUED, failure: 'flood-wait' }, NOW);

  it('that succeeded: sent, with nothing left to complain about', () => {
    expect(concludeSent(sending)).toMatchObject({ status: 'sent', leasedUntil: null, failure: null });
  });
  it('that was told to come back: the wait is kept to the second and no attempt is spent', () => {
    const verdict = { kind: 'wait', seconds: 35, holdsBot: true, reason: 'flood-wait' } as const;
    expect(concludeFailed(sending, verdict, NOW, 0.9)).toMatchObject({
      status: 'queued',
      attempts: 0,
      notBefore: later(35),
      failure: 'flood-wait',
    });
  });
  it('that failed in vain: it waits and is tried again', () => {
    const after = concludeFailed(sending, { kind: 'back-off', mayHaveArrived: false }, NOW, 0);
    expect(after).toMatchObject({ status: 'queued', attempts: 1, uncertain: 0, notBefore: later(1) });
  });
  it('whose answer was lost: the next one must say that it may be the second', () => {
    const after = concludeFailed(sending, { kind: 'back-off', mayHaveArrived: true }, NOW, 0);
    expect(after).toMatchObject({ uncertain: 1, failure: 'outcome-unknown' });
  });
  it('that was the last: dead', () => {
    const last = { ...sending, attempts: MAX_ATTEMPTS };
    expect(concludeFailed(last, { kind: 'back-off', mayHaveArrived: false }, NOW, 0)).toMatchObject({
      status: 'dead',
      failure: 'attempts-exhausted',
      notBefore: null,
    });
    const almost = { ...sending, attempts: MAX_ATTEMPTS - 1 };
    expect(concludeFailed(almost, { kind: 'back-off', mayHaveArrived: false }, NOW, 0).status).toBe('queued');
  });
  it('to a chat that is gone: suppressed; by a bot without a token: dead; of a refused message: dead', () => {
    expect(concludeFailed(sending, { kind: 'drop-link', reason: 'chat-blocked' }, NOW, 0)).toEqual(
      giveUp(sending, 'chat-blocked'),
    );
    expect(concludeFailed(sending, { kind: 'revoke-bot' }, NOW, 0)).toMatchObject({
      status: 'dead',
      failure: 'bot-revoked',
    });
    expect(concludeFailed(sending, { kind: 'fail', reason: 'message-refused' }, NOW, 0)).toMatchObject({
      status: 'dead',
      failure: 'message-refused',
    });
  });
});

describe('The waits between attempts', () => {
  it('double from one second up to an hour', () => {
    expect([1, 2, 3, 4].map((attempts) => backoffMs(attempts, 0))).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(backoffMs(13, 0)).toBe(3_600_000);
    expect(backoffMs(500, 0)).toBe(3_600_000);
  });
  it('are shortened by half at most, so that waiters spread', () => {
    expect(backoffMs(3, 0.999_999)).toBeGreaterThanOrEqual(2_000);
  });
  it('add up to more than eight hours: an outage of a working day costs no message', () => {
    let totalMs = 0;
    for (let attempts = 1; attempts < MAX_ATTEMPTS; attempts++) totalMs += backoffMs(attempts, 0.5);
    expect(totalMs).toBeGreaterThan(8 * 3_600_000);
  });
});
