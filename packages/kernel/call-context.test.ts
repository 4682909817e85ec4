import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  continueTrace,
  currentDeadlineMs,
  currentTraceparent,
  runInBackground,
  runWithContext,
  traceIdOf,
} from './call-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

describe('A trace', () => {
  it('goes on under a new span', () => {
    const next = continueTrace(PARENT);
    expect(next).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(traceIdOf(next)).toBe(TRACE);
    expect(next).not.toBe(PARENT);
  });

  it('of a later version goes on too, whatever that version appended', () => {
    expect(traceIdOf(continueTrace(`01-${TRACE}-00f067aa0ba902b7-03-what-comes`))).toBe(TRACE);
    expect(traceIdOf(continueTrace(`cc-${TRACE}-00f067aa0ba902b7-00`))).toBe(TRACE);
  });

  it.each([
    undefined,
    '',
    TRACE,
    `00-${TRACE}-00f067aa0ba902b7`,
    `${PARENT}-more`,
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    ` ${PARENT}`,
    `${PARENT}\n`,
    `${PARENT}, ${PARENT}`,
  ])('begins anew after %j', (parent) => {
    const next = continueTrace(parent);
    expect(next).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(traceIdOf(next)).not.toBe(TRACE);
    expect(next).not.toBe(continueTrace(parent));
  });
});

describe('The context of a call', () => {
  it('reaches everything the call does, and nothing else', async () => {
    const seen = (): readonly unknown[] => [currentTraceparent(), currentDeadlineMs()];
    const one = { traceparent: PARENT, deadlineMs: 1 };
    const other = { traceparent: continueTrace(undefined), deadlineMs: 2 };
    const results = await Promise.all(
      [one, other].map((context) => runWithContext(context, () => sleep(1).then(() => Promise.resolve().then(seen)))),
    );
    expect(results).toEqual([
      [one.traceparent, 1],
      [other.traceparent, 2],
    ]);
  });

  it('outside of any call is a new trace without a deadline', () => {
    expect(traceIdOf(currentTraceparent())).not.toBe(traceIdOf(currentTraceparent()));
    expect(currentDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('in the background keeps the trace and drops the deadline', () => {
    const context = { traceparent: PARENT, deadlineMs: 1 };
    const [traceId, deadlineMs] = runWithContext(context, () =>
      runInBackground(currentTraceparent(), () => [traceIdOf(currentTraceparent()), currentDeadlineMs()]),
    );
    expect(traceId).toBe(TRACE);
    expect(deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });
});
