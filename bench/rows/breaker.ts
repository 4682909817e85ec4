import { AdaptiveLimit } from '@tenantry/resilience/adaptive-limit.ts';
import { CircuitBreaker } from '@tenantry/resilience/circuit-breaker.ts';
import { createPolicy } from '@tenantry/resilience/policy.ts';
import {
  bulkhead,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  retry,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import Opossum from 'opossum';
import { awaiting, inTurn, ns, repeating, type Sample } from '../in-turn.ts';
import type { Row } from '../table.ts';

/**
 * What protection costs a call that needs none: everything closed, nothing failing. Per call, over batches that the
 * contestants run in turn, so that whatever else the machine does hits all alike. What others do asynchronously is
 * compared with ours doing the same (`execute`), and the bare call is beside them.
 */
export async function breakerRows(): Promise<Row[]> {
  const breaker = new CircuitBreaker({ name: 'bench' });
  const limit = new AdaptiveLimit({ name: 'bench' });
  const answered = { outcome: 'answered', latencyMs: 1 } as const;
  const opossum = new Opossum((work: () => Promise<number>) => work(), {
    timeout: false,
    rollingPercentilesEnabled: false,
  });
  const sampling = () => new SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 1 }); // a window of time, as ours
  const cockatiel = circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker: sampling() });
  const policy = createPolicy({
    name: 'bench',
    timeoutMs: 10_000,
    retry: { isRetryable: () => true },
    bulkhead: { maxConcurrent: 100 },
    adaptiveLimit: {},
  });
  const cockatielStack = wrap(
    bulkhead(100),
    retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
    circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker: sampling() }),
    timeout(10_000, TimeoutStrategy.Aggressive),
  );

  const [bare, acquired, limited, executed, byOpossum, byCockatiel, stack, stackOfCockatiel] = await inTurn([
    awaiting('bare', () => work()),
    repeating('tryAcquire + record', () => breaker.record(breaker.tryAcquire(), false, 1)),
    repeating('limit', () => limit.release(limit.tryAcquire(), answered)),
    awaiting('execute', () => breaker.execute(work)),
    awaiting('opossum', () => opossum.fire(work)),
    awaiting('cockatiel', () => cockatiel.execute(work)),
    awaiting('policy', () => policy.execute(work)),
    awaiting('cockatiel wrap', () => cockatielStack.execute(work)),
  ]);
  opossum.shutdown();
  const row = (what: string, sample: Sample, ratio: string, budget: string): Row => ({
    what,
    p50: ns(sample.p50),
    p99: ns(sample.p99),
    ratio,
    budget,
  });
  const against = (ours: Sample, theirs: Sample, who: string): string =>
    `${(ours.p50 / theirs.p50).toFixed(2)} of ${who} (${ns(theirs.p50)})`;
  return [
    row('breaker: tryAcquire + record, closed', acquired, against(acquired, byCockatiel, 'cockatiel'), '250 ns'),
    row(
      'breaker: execute, closed',
      executed,
      `${against(executed, byOpossum, 'opossum')}, ${against(executed, byCockatiel, 'cockatiel')}, bare ${ns(bare.p50)}`,
      '-',
    ),
    row('adaptive limit: tryAcquire + release', limited, against(limited, acquired, 'the breaker'), '250 ns'),
    row('policy: all of it, nothing failing', stack, against(stack, stackOfCockatiel, 'cockatiel’s wrap'), '-'),
  ];
}

/** The answer is used, so that the call cannot be optimised away. */
const work = async (): Promise<number> => 1;
