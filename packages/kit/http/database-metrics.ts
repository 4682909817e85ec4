import { CALL_BUCKETS, type CallMeter, type DatabaseOutcome } from '@tenantry/databases/database-calls.ts';
import type { Databases } from '@tenantry/databases/factory.ts';
import type { PlacedDatabase } from '@tenantry/databases/postgres/placed-database.ts';
import { Counter, Gauge, type Registry } from 'prom-client';
import { CountedHistogram } from './duration-histogram.ts';

export type DatabaseFigures = Pick<Databases<unknown>, 'calls'> & {
  readonly placed: readonly Pick<PlacedDatabase, 'name' | 'connections'>[];
};

const PREFIX = 'tenantry_database';
const LABELS = ['engine', 'database', 'operation'] as const;
const labelsOf = ({ engine, database, operation }: CallMeter) => ({ engine, database, operation });
/** A use case that refused is no failure of the engine. */
const FAILURES: readonly DatabaseOutcome[] = ['unavailable', 'timeout', 'conflict', 'failed'];

/** Read when somebody scrapes. One model for all engines, and no tenants in it: there are as many labels as operations. */
export function registerDatabaseMetrics(registry: Registry, { calls, placed }: DatabaseFigures): void {
  const registers = [registry];
  const { name, help } = { name: `${PREFIX}_call_duration_seconds`, help: 'From the question to the whole answer' };
  registry.registerMetric(
    new CountedHistogram({
      ...{ name, help, labelNames: LABELS, bounds: CALL_BUCKETS },
      *read() {
        for (const meter of calls.all()) yield { labels: labelsOf(meter), ...meter };
      },
    }),
  );
  new Counter({
    name: `${PREFIX}_failures_total`,
    help: 'Calls that failed, by how: away, too slow, lost against another, wrong',
    labelNames: [...LABELS, 'kind'],
    registers,
    collect() {
      this.reset();
      for (const meter of calls.all())
        for (const kind of FAILURES) this.inc({ ...labelsOf(meter), kind }, meter.outcomes[kind]);
    },
  });
  new Gauge({
    name: `${PREFIX}_calls_in_flight`,
    help: 'Calls that wait for their answer',
    labelNames: [...LABELS],
    registers,
    collect() {
      this.reset();
      for (const meter of calls.all()) this.set(labelsOf(meter), meter.inFlight);
    },
  });
  new Gauge({
    name: `${PREFIX}_connections`,
    help: 'Connections in use and idle, and callers who wait for one',
    labelNames: ['engine', 'database', 'role', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { name: database, connections } of placed)
        for (const { role, inUse, idle, waiting } of connections())
          for (const [state, count] of [
            ['in-use', inUse],
            ['idle', idle],
            ['waiting', waiting],
          ] as const)
            this.set({ engine: 'postgres', database, role, state }, count);
    },
  });
}
