import type { Clock } from '@tenantry/kernel/clock.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import type { Logger } from '@tenantry/kit/logger.ts';

export type ExportGate = {
  /** Does the work, or says when to come again: the rows in PostgreSQL are the queue, and nothing waits in memory. */
  readonly pass: <T>(work: () => Promise<T>) => Promise<T | Temporal.Instant>;
};

export type ExportGateOptions = {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

/** Of the ticker's 32, so that a ClickHouse that hangs does not hold up renewals; each holds a batch in memory. */
const MOST_AT_ONCE = 4;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const BUSY_MS = 500;

/**
 * One gate for all tenants of a process, since they share the server. After a failure nobody passes for a while, twice
 * as long each time; then one does, and its success opens the gate for all.
 */
export function createExportGate({ clock, logger, random = Math.random }: ExportGateOptions): ExportGate {
  let failures = 0;
  let closedUntil: Temporal.Instant | null = null;
  let running = 0;

  const after = (ms: number): Temporal.Instant => clock.now().add({ milliseconds: Math.ceil(ms) });
  // Half of it by chance: processes that failed together would come back together.
  const pause = (): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)) * (0.5 + random() / 2);

  return {
    async pass(work) {
      if (closedUntil !== null && Temporal.Instant.compare(clock.now(), closedUntil) < 0) return closedUntil;
      if (running >= (failures > 0 ? 1 : MOST_AT_ONCE)) return after(BUSY_MS * (0.5 + random()));
      running += 1;
      try {
        const result = await work();
        if (failures > 0) logger.info({ failures }, 'usage is brought to ClickHouse again');
        failures = 0;
        closedUntil = null;
        return result;
      } catch (error) {
        if (!isUnavailable(error)) {
          // Its own fault, not the server's: the other tenants go on.
          logger.warn({ err: error }, 'usage of one tenant cannot be brought to ClickHouse');
          return after(LONGEST_PAUSE_MS);
        }
        // Of several that were under way when it failed only the first counts.
        if (closedUntil === null || Temporal.Instant.compare(clock.now(), closedUntil) >= 0) {
          failures += 1;
          closedUntil = after(pause());
          logger.warn({ err: error, failures, until: closedUntil.toString() }, 'usage waits for ClickHouse');
        }
        return closedUntil;
      } finally {
        running -= 1;
      }
    },
  };
}

const isUnavailable = (error: unknown): boolean => error instanceof Problem && error.kind.category === 'unavailable';
