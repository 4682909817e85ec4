import { event } from '@tenantry/contract/event.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { openDatabases } from '@tenantry/databases/factory.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import { Type } from 'typebox';

export const benchTicked = event('users.bench.ticked.v1', Closed({ index: Type.Integer() }));
export const QUEUE = 'bench';

export type EventStores = {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
  readonly masterKey: string;
  readonly dataDir: string;
};

export const openBenchDatabases = (stores: EventStores) =>
  openDatabases<unknown>({
    service: 'users',
    databaseUrl: stores.databaseUrl,
    redisUrl: stores.redisUrl,
    clickhouseUrl: '',
    masterKey: stores.masterKey,
    dataDir: stores.dataDir,
    namespace: '',
    clock: systemClock,
    traceparent: () => `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`,
    onError: (_engine, error) => console.error(error),
  });

/** Of all processes of a machine alike (CLOCK_MONOTONIC). */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** What the hearing process has heard since it was last asked: numbers and when, in ms. */
export type Heard = readonly (readonly [index: number, atMs: number])[];
