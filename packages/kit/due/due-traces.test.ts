import { currentTraceparent, runWithContext } from '@tenantry/kernel/call-context.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { newTraceId, traceIdOf } from '@tenantry/kernel/trace-parent.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openStore, type Store } from '../test/open-store.ts';
import { openTracing } from '../test/open-tracing.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { schedule } from './schedule.ts';
import { type DueHandler, startTicker } from './ticker.ts';

let store: Store;
let tracing: Tracing;
beforeAll(async () => {
  store = await openStore();
  tracing = openTracing({ service: 'users', clickhouseUrl: '', namespace: '' });
});
afterAll(async () => {
  await tracing.close();
  await store.close();
});

/** Schedules within a request that is traced, and does what is due; answers the trace of each time it was done. */
async function tracesOf(dueIn: Temporal.DurationLike, ...turns: DueHandler[]) {
  const traceId = newTraceId();
  const request = tracing.begin(`00-${traceId}-00f067aa0ba902b7-01`, { name: 'POST /x', kind: 'server' });
  const { databases, clock } = store;
  const at = clock.now().add(dueIn);
  await runWithContext({ traceparent: request.traceparent, deadlineMs: Number.POSITIVE_INFINITY, span: request }, () =>
    databases.withTenant(newId('ten'), (uow) => schedule(uow, 'thing:do', newId('sub'), at)),
  );
  const seen: string[] = [];
  const ticker = startTicker({
    worker: databases.worker,
    // All of it is due already.
    clock: { now: () => at.add({ minutes: 1 }) },
    tracer: tracing,
    handlers: {
      'thing:do': async (work) => {
        seen.push(traceIdOf(currentTraceparent()));
        return turns[seen.length - 1]?.(work);
      },
    },
    onError: () => undefined,
  });
  await eventually(async () => expect(await store.sql('select 1 from users.due')).toEqual([]));
  await ticker.stop();
  return { traceId, seen };
}

describe('Due work', () => {
  it('goes on with the trace of what made it necessary', async () => {
    const { traceId, seen } = await tracesOf({ seconds: 0 });
    expect(seen).toEqual([traceId]);
  });

  it('also when it has to be done again soon', async () => {
    const soon: DueHandler = async () => store.clock.now().add({ seconds: 1 });
    const { traceId, seen } = await tracesOf({ minutes: 1 }, soon);
    expect(seen).toEqual([traceId, traceId]);
  });

  it('that is due long afterwards begins a trace of its own', async () => {
    const { traceId, seen } = await tracesOf({ hours: 2 });
    expect(seen).toHaveLength(1);
    expect(seen).not.toContain(traceId);
  });
});
