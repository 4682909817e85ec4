import { notFound } from '@tenantry/kernel/problems.ts';
import { describe, expect, it } from 'vitest';
import { deadlineAfter } from './deadline.ts';
import { isUpstreamFailure } from './failure.ts';
import { createPolicy, type PolicyAttempt, type PolicyOptions } from './policy.ts';
import { gate, type ManualTiming, manualTiming, settled } from './test/manual-timing.ts';

function setUp(overrides: Partial<PolicyOptions> = {}) {
  const timing = manualTiming();
  const policy = createPolicy({
    name: 'Billing',
    timeoutMs: 1_000,
    retry: { isRetryable: isUpstreamFailure, maxAttempts: 3, backoff: { baseMs: 100 } },
    breaker: { minimumCalls: 4, windowCalls: 10, openMs: 5_000, halfOpenCalls: 2, slowCallMs: 500 },
    bulkhead: { maxConcurrent: 10, maxQueued: 10 },
    timing,
    random: () => 1,
    ...overrides,
  });
  return { timing, policy };
}

/** An upstream that notes each call it gets and answers as told. */
function upstream<T>(answer: (attempt: PolicyAttempt) => Promise<T>) {
  const attempts: PolicyAttempt[] = [];
  return {
    attempts,
    call: (attempt: PolicyAttempt): Promise<T> => {
      attempts.push(attempt);
      return answer(attempt);
    },
  };
}
const dead = () => upstream(() => Promise.reject(new Error('connection refused')));
const hanging = () => upstream(() => gate<never>().promise);
const well = () => upstream(async () => 'answer');

/** Runs a call to its end, however much time it needs. */
async function outcome(call: Promise<unknown>, timing: ManualTiming, withinMs = 60_000): Promise<unknown> {
  const ended = call.catch((error: unknown) => error);
  await timing.advance(withinMs);
  return ended;
}

describe('A policy', () => {
  it('gives what the upstream answers, and leaves nothing running', async () => {
    const { policy, timing } = setUp();
    await expect(policy.execute(well().call)).resolves.toBe('answer');
    expect(timing.pending()).toBe(0);
    expect(policy.bulkhead.active).toBe(0);
    expect(policy.breaker.counts).toEqual({ calls: 1, failed: 0, slow: 0 });
  });
  it('retries idempotent calls only, and the breaker hears of each attempt', async () => {
    const { policy, timing } = setUp({ breaker: { minimumCalls: 5, slowCallMs: 500 } });
    const once = dead();
    await outcome(policy.execute(once.call), timing, 0);
    expect(once.attempts).toHaveLength(1);
    const again = dead();
    const error = await outcome(policy.execute(again.call, { idempotent: true }), timing, 1_000);
    expect(error).toMatchObject({ message: 'connection refused' });
    expect(again.attempts.map((each) => each.attempt)).toEqual([1, 2, 3]);
    expect(policy.breaker.counts).toMatchObject({ calls: 4, failed: 4, slow: 0 });
  });
  it('never retries without being told what is retryable', async () => {
    const { timing } = setUp();
    const policy = createPolicy({ name: 'Billing', timeoutMs: 1_000, bulkhead: { maxConcurrent: 1 }, timing });
    const target = dead();
    await outcome(policy.execute(target.call, { idempotent: true }), timing);
    expect(target.attempts).toHaveLength(1);
  });
  it('times out each attempt by itself, all of them within the deadline that each is told', async () => {
    const { policy, timing } = setUp();
    const target = hanging();
    const deadline = deadlineAfter(1_900, timing.epochMs());
    const call = policy.execute(target.call, { idempotent: true, deadline });
    const startedAtMs = timing.epochMs();
    await expect(outcome(call, timing, 1_900)).resolves.toMatchObject({ kind: { code: 'upstream-timeout' } });
    // 1000 ms, a pause of 100 ms, and the 800 ms that are left
    expect(target.attempts.map((each) => each.deadline.expiresAtMs - startedAtMs)).toEqual([1_000, 1_900]);
    expect(target.attempts.every((each) => each.signal.aborted)).toBe(true);
    expect(timing.pending()).toBe(0);
  });
  it('refuses with 503 once the upstream has failed often enough, and finds out when it is back', async () => {
    const { policy, timing } = setUp();
    const target = dead();
    for (let i = 0; i < 4; i++) await outcome(policy.execute(target.call), timing, 0);
    const refusal = await outcome(policy.execute(target.call), timing, 0);
    expect(refusal).toMatchObject({ kind: { code: 'upstream-unavailable' }, retryAfterSeconds: 5 });
    expect(target.attempts).toHaveLength(4);
    await timing.advance(5_000);
    for (let i = 0; i < 2; i++) await expect(policy.execute(well().call)).resolves.toBe('answer');
    expect(policy.breaker.state).toBe('closed');
  });
  it('sends a probe once, without retries', async () => {
    const { policy, timing } = setUp();
    for (let i = 0; i < 4; i++) await outcome(policy.execute(dead().call), timing, 0);
    await timing.advance(5_000);
    const probe = dead();
    await outcome(policy.execute(probe.call, { idempotent: true }), timing, 2_000);
    expect(probe.attempts).toHaveLength(1);
  });
  it('does not go on retrying after the breaker has opened for the others', async () => {
    const { policy, timing } = setUp();
    const target = dead();
    const waiting = outcome(policy.execute(target.call, { idempotent: true }), timing, 0);
    await settled();
    for (let i = 0; i < 4; i++) await outcome(policy.execute(dead().call), timing, 0);
    expect(policy.breaker.state).toBe('open');
    await timing.advance(1_000);
    await expect(waiting).resolves.toMatchObject({ message: 'connection refused' });
    expect(target.attempts).toHaveLength(1);
  });
  it('keeps a dead upstream at 1.2 calls per request, if the breaker does not help', async () => {
    const { policy, timing } = setUp({ breaker: { minimumCalls: 100_000, windowCalls: 100_000 } });
    const target = dead();
    const calls: Promise<unknown>[] = [];
    for (let request = 0; request < 2_000; request++) {
      calls.push(policy.execute(target.call, { idempotent: true }).catch(() => {}));
      if (request % 10 === 9) await timing.advance(50); // 200 requests a second, ten seconds long
    }
    await timing.advance(10_000);
    await Promise.all(calls);
    expect(target.attempts.length).toBeGreaterThan(2_000 * 1.19);
    expect(target.attempts.length).toBeLessThanOrEqual(2_000 * 1.2 + 10);
  });
  it('does not hold a refusal with a reason against the upstream', async () => {
    const { policy, timing } = setUp();
    const target = upstream(() => Promise.reject(notFound('There is no such invoice.')));
    for (let i = 0; i < 10; i++) await outcome(policy.execute(target.call, { idempotent: true }), timing, 0);
    expect(target.attempts).toHaveLength(10);
    expect(policy.breaker.state).toBe('closed');
  });
  it('does not let impatient callers open the breaker for the patient', async () => {
    const { policy, timing } = setUp();
    for (let i = 0; i < 10; i++) {
      const deadline = deadlineAfter(20, timing.epochMs());
      await outcome(policy.execute(hanging().call, { deadline }), timing, 20);
      const caller = new AbortController();
      const call = policy.execute(hanging().call, { signal: caller.signal });
      const left = expect(call).rejects.toThrow('left');
      await timing.advance(20);
      caller.abort(new Error('left'));
      await left;
    }
    expect(policy.breaker.counts.calls).toBe(0);
    expect(policy.breaker.state).toBe('closed');
  });
  it('still notices an upstream that hangs until every caller has left', async () => {
    const { policy, timing } = setUp();
    for (let i = 0; i < 4; i++) {
      const caller = new AbortController();
      const call = policy.execute(hanging().call, { signal: caller.signal });
      const left = expect(call).rejects.toThrow('left');
      await timing.advance(600);
      caller.abort(new Error('left'));
      await left;
    }
    expect(policy.breaker.state).toBe('open');
  });
  it('remembers that the upstream failed when the caller left during the retry', async () => {
    const { policy, timing } = setUp();
    const caller = new AbortController();
    const target = upstream(({ attempt }) =>
      attempt === 1 ? Promise.reject(new Error('reset')) : gate<never>().promise,
    );
    const left = expect(policy.execute(target.call, { signal: caller.signal, idempotent: true })).rejects.toThrow(
      'left',
    );
    await timing.advance(120);
    expect(target.attempts).toHaveLength(2);
    caller.abort(new Error('left'));
    await left;
    expect(policy.breaker.counts).toEqual({ calls: 1, failed: 1, slow: 0 });
  });
  it('calls half the timeout slow unless told otherwise', async () => {
    const { policy, timing } = setUp({ breaker: {} });
    for (const durationMs of [499, 500]) await policy.execute(upstream(() => timing.advance(durationMs)).call);
    expect(policy.breaker.counts).toEqual({ calls: 2, failed: 0, slow: 1 });
  });
  it('judges the upstream by its own time, not by our pauses', async () => {
    const { policy, timing } = setUp({
      retry: { isRetryable: isUpstreamFailure, backoff: { baseMs: 900, capMs: 900 } },
    });
    const target = upstream(({ attempt }) =>
      attempt === 1 ? Promise.reject(new Error('reset')) : Promise.resolve('answer'),
    );
    await outcome(policy.execute(target.call, { idempotent: true }), timing);
    expect(target.attempts).toHaveLength(2);
    await policy.execute(well().call);
    const { policy: other, timing: otherTiming } = setUp();
    const slow = upstream(async () => otherTiming.advance(500));
    await other.execute(slow.call);
    expect(policy.breaker.counts.slow).toBe(0);
    expect(other.breaker.counts.slow).toBe(1);
  });
  it('gives back the probe of a caller that left before the answer', async () => {
    const { policy, timing } = setUp();
    for (let i = 0; i < 4; i++) await outcome(policy.execute(dead().call), timing, 0);
    await timing.advance(5_000);
    for (let i = 0; i < 10; i++) {
      const caller = new AbortController();
      const left = expect(policy.execute(hanging().call, { signal: caller.signal })).rejects.toThrow('left');
      await settled();
      caller.abort(new Error('left'));
      await left;
    }
    for (let i = 0; i < 2; i++) await policy.execute(well().call);
    expect(policy.breaker.state).toBe('closed');
  });
  it('calls nothing for a caller that has left, or whose deadline has passed', async () => {
    const { policy, timing } = setUp();
    const target = well();
    const signal = AbortSignal.abort(new Error('left'));
    await expect(policy.execute(target.call, { signal })).rejects.toThrow('left');
    const deadline = deadlineAfter(0, timing.epochMs());
    await expect(policy.execute(target.call, { deadline })).rejects.toMatchObject({
      kind: { code: 'upstream-timeout' },
    });
    expect(target.attempts).toHaveLength(0);
    expect(policy.breaker.counts.calls).toBe(0);
  });
  it('refuses with 503 when all places are taken, without asking the breaker', async () => {
    const { policy, timing } = setUp({ bulkhead: { maxConcurrent: 1, maxQueued: 0 } });
    const first = policy.execute(hanging().call);
    const ended = expect(first).rejects.toMatchObject({ kind: { code: 'upstream-timeout' } });
    await expect(policy.execute(well().call)).rejects.toMatchObject({ kind: { code: 'upstream-unavailable' } });
    await timing.advance(1_000);
    await ended;
    expect(policy.breaker.counts).toEqual({ calls: 1, failed: 1, slow: 1 });
  });
});
