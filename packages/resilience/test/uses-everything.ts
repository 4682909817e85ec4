import { setTimeout } from 'node:timers/promises';
import { deadlineAfter } from '../deadline.ts';
import { declareDependency } from '../dependency.ts';
import { DependencyMonitor } from '../dependency-monitor.ts';
import { createPolicy } from '../policy.ts';

/**
 * A program that uses every part and then has nothing left to do, though work of its calls never ends and its breaker
 * has an hour of ramp to go. It says how many timers are left; a process that one of them keeps alive does not end.
 */
const hang = (): Promise<never> => new Promise(() => {});
const dependency = declareDependency({ name: 'x', isCritical: false, degradedMode: 'Everything else works.' });
const policy = createPolicy<string>({
  name: 'X',
  timeoutMs: 20,
  retry: { isRetryable: () => true, backoff: { baseMs: 5 } },
  breaker: { minimumCalls: 30, openMs: 1, halfOpenCalls: 1, rampMs: 3_600_000 },
  bulkhead: { maxConcurrent: 2, maxQueued: 100 },
  adaptiveLimit: { initialLimit: 4, windowCalls: 1, windowMs: 0, probeEveryMs: 3_600_000 },
  fallback: { answer: ({ code }) => code },
  monitor: new DependencyMonitor({ dependency }),
});
const caller = new AbortController();
const { signal } = caller;
const options = { signal, idempotent: true, deadline: deadlineAfter(3_600_000, Date.now()) };
const leaving = Array.from({ length: 20 }, () => policy.execute(hang, options));
await policy.execute(async () => 'answer').catch(() => {});
caller.abort(new Error('left'));
await Promise.allSettled(leaving);
await Promise.allSettled(Array.from({ length: 40 }, () => policy.execute(hang, { idempotent: true })));
while (policy.breaker.state !== 'closed') {
  await policy.execute(async () => 'answer');
  await setTimeout(1);
}

const timers = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout');
console.log(JSON.stringify({ timers: timers.length, isRamping: policy.breaker.rampShare < 1 }));
