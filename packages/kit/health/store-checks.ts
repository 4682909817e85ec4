import type { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import { withTimeout } from '@tenantry/resilience/timeout.ts';

export type StoreCheck = { readonly monitor: DependencyMonitor; readonly check: () => Promise<unknown> };

export type StoreChecks = {
  /** Asks those without which nothing works, now; the names of those that do not answer. */
  readonly failing: () => Promise<ReadonlySet<string>>;
  readonly stop: () => void;
};

const EVERY_MS = 1_000;
const TIMEOUT_MS = 1_000;
const SLOW_MS = 500;

/**
 * Stores are asked for a sign of life, as queries fail for many reasons that are not the store's, and as a store that
 * came back should be known to be back before somebody needs it. Options for their monitors: a few checks in a row say
 * all there is to say, and shares of a minute's checks would make an outage look small for half of it.
 */
export const CHECKED = { minimumCalls: 1_000_000 } as const;

/** One question at a time to each store: one that hangs is not asked again until it has answered, and counts as failed. */
export function startStoreChecks(checks: readonly StoreCheck[], everyMs = EVERY_MS): StoreChecks {
  const runners = checks.map(createRunner);
  const timer = setInterval(() => {
    for (const { run } of runners) void run();
  }, everyMs);
  timer.unref();
  return {
    async failing() {
      const critical = runners.filter(({ dependency }) => dependency.isCritical);
      const results = await Promise.all(
        critical.map(async ({ dependency, run }) => ((await run()) ? [] : [dependency.name])),
      );
      return new Set(results.flat());
    },
    stop: () => clearInterval(timer),
  };
}

function createRunner({ monitor, check }: StoreCheck) {
  let question: Promise<unknown> | null = null;
  let running: Promise<boolean> | null = null;

  const ask = async (): Promise<boolean> => {
    const startedAtMs = performance.now();
    let error: unknown;
    try {
      question ??= check().finally(() => {
        question = null;
      });
      const asked = question;
      await withTimeout(() => asked, { timeoutMs: TIMEOUT_MS, name: monitor.dependency.name });
    } catch (cause) {
      error = cause ?? new Error('refused');
    }
    const durationMs = performance.now() - startedAtMs;
    const isFailed = error !== undefined;
    monitor.recordCall({ durationMs, isSlow: durationMs >= SLOW_MS, isFailed }, error);
    return !isFailed;
  };

  return {
    dependency: monitor.dependency,
    /** True when it answered. Whoever asks while a check is under way gets its result. */
    run(): Promise<boolean> {
      running ??= ask().finally(() => {
        running = null;
      });
      return running;
    },
  };
}
