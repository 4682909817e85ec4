import { CommittedWork } from '@tenantry/databases/postgres/committed-work.ts';
import { currentDeadlineMs, runWithContext } from '@tenantry/kernel/call-context.ts';
import { type Id, newId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openStore, type Store } from '../test/open-store.ts';
import { schedule } from './schedule.ts';
import { type DueHandler, type DueWork, startTicker } from './ticker.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
afterAll(() => store.close());
beforeEach(() => store.sql('delete from users.due'));

const tenantId = newId('ten');
const KIND = 'thing:do';
let tickers: { stop: () => Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(tickers.map((ticker) => ticker.stop()));
  tickers = [];
});

function tick(handler: DueHandler, kind = KIND, committed = store.databases.committed) {
  const errors: unknown[] = [];
  let lookups = 0;
  const { databases, clock } = store;
  const worker = new Proxy(databases.worker, {
    get(target, name) {
      if (name === 'selectFrom') lookups++;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const ticker = startTicker({
    committed,
    worker,
    clock,
    handlers: { [kind]: handler },
    onError: (error) => errors.push(error),
  });
  tickers.push(ticker);
  return { ...ticker, errors, lookups: () => lookups };
}

const plan = (id: Id, due: Temporal.DurationLike = { seconds: 0 }, kind = KIND) =>
  store.databases.withTenant(tenantId, (uow) => schedule(uow, kind, id, uow.now.add(due)));

type DueRow = {
  readonly id: string;
  readonly attempts: number;
  readonly due_at: Date;
  readonly claimed_until: Date | null;
};
const rows = () => store.sql<DueRow>('select id, attempts, due_at, claimed_until from users.due order by id');
const rowOf = async (id: Id) => (await rows()).find((row) => row.id === uuidOf(id));
const untilGone = () => eventually(async () => expect(await rows()).toEqual([]));

/** A handler that notes what it was called for and does what it is told, in turn; then nothing. */
function noted(...turns: DueHandler[]) {
  const calls: DueWork[] = [];
  const handler: DueHandler = async (work) => {
    calls.push(work);
    return turns[calls.length - 1]?.(work);
  };
  return { calls, handler };
}

describe('What is due', () => {
  it('is done at once, and then forgotten', async () => {
    const { calls, handler } = noted();
    tick(handler);
    const id = newId('inv');
    await plan(id);
    await untilGone();
    expect(calls).toEqual([{ tenantId, uuid: uuidOf(id), attempts: 1 }]);
  });

  it('was due long ago, is done when somebody is there to do it', async () => {
    await plan(newId('inv'), { hours: -48 });
    const { calls, handler } = noted();
    tick(handler);
    await untilGone();
    expect(calls).toHaveLength(1);
  });

  it('later waits for its time', async () => {
    const { calls, handler } = noted();
    tick(handler);
    const [later, now] = [newId('inv'), newId('inv')];
    await plan(later, { hours: 1 });
    await plan(now);
    await eventually(() => expect(calls.map(({ uuid }) => uuid)).toEqual([uuidOf(now)]));
    // Done is not yet forgotten: what is scheduled in between is ignored, and a claim whose time is over is taken again.
    await eventually(async () => expect(await rowOf(now)).toBeUndefined());
    store.clock.advance({ minutes: 59 });
    await plan(now);
    await eventually(() => expect(calls).toHaveLength(2));
    expect(await rowOf(later)).toBeDefined();
    store.clock.advance({ minutes: 1 });
    await untilGone();
    expect(calls.map(({ uuid }) => uuid)).toEqual([uuidOf(now), uuidOf(now), uuidOf(later)]);
  });

  it('is not done when the change that made it necessary was rolled back', async () => {
    const { calls, handler } = noted();
    tick(handler);
    const lost = store.databases.withTenant(tenantId, async (uow) => {
      await schedule(uow, KIND, newId('inv'), uow.now);
      throw new Error('no');
    });
    await expect(lost).rejects.toThrow('no');
    const kept = newId('inv');
    await plan(kept);
    await eventually(() => expect(calls.map(({ uuid }) => uuid)).toEqual([uuidOf(kept)]));
  });

  it('of a kind that nobody here handles is left for who does', async () => {
    const { calls, handler } = noted();
    tick(handler);
    const foreign = newId('inv');
    await plan(foreign, { seconds: 0 }, 'other:do');
    await plan(newId('inv'));
    await eventually(() => expect(calls).toHaveLength(1));
    expect(await rowOf(foreign)).toMatchObject({ attempts: 0, claimed_until: null });
    const other = noted();
    tick(other.handler, 'other:do');
    await untilGone();
    expect(other.calls).toHaveLength(1);
  });

  it('is done without the deadline of anybody', async () => {
    const seen: number[] = [];
    const { handler } = noted(async () => {
      seen.push(currentDeadlineMs());
      return undefined;
    });
    runWithContext({ traceparent: '', deadlineMs: 1 }, () => tick(handler));
    await plan(newId('inv'));
    await untilGone();
    expect(seen).toEqual([Number.POSITIVE_INFINITY]);
  });
});

describe('Scheduling twice', () => {
  it('keeps the first: one obligation per kind and thing', async () => {
    const id = newId('inv');
    await plan(id, { hours: 1 });
    const [first] = await rows();
    await plan(id, { hours: 2 });
    await plan(id);
    expect(await rows()).toEqual([first]);
  });

  it('for another kind, thing or tenant is another obligation', async () => {
    const id = newId('inv');
    await plan(id, { hours: 1 });
    await plan(id, { hours: 1 }, 'other:do');
    await plan(newId('inv'), { hours: 1 });
    await store.databases.withTenant(newId('ten'), (uow) => schedule(uow, KIND, id, uow.now.add({ hours: 1 })));
    expect(await rows()).toHaveLength(4);
  });

  it('while the first is being done is lost: what must be done again needs an id of its own', async () => {
    const gate = Promise.withResolvers<void>();
    const { calls, handler } = noted(async () => {
      await gate.promise;
      return undefined;
    });
    tick(handler);
    const id = newId('inv');
    await plan(id);
    await eventually(() => expect(calls).toHaveLength(1));
    await plan(id);
    await plan(newId('inv'));
    gate.resolve();
    await untilGone();
    expect(calls).toHaveLength(2);
  });
});

describe('A handler that answers an instant', () => {
  it('is called again then, and its failures are forgotten', async () => {
    const id = newId('inv');
    const { calls, handler } = noted(
      () => Promise.reject(new Error('once')),
      async () => store.clock.now().add({ hours: 2 }),
    );
    tick(handler);
    await plan(id);
    await eventually(async () => expect(await rowOf(id)).toMatchObject({ attempts: 1, claimed_until: null }));
    store.clock.advance({ seconds: 1 });
    await eventually(async () => expect(await rowOf(id)).toMatchObject({ attempts: 0, claimed_until: null }));
    const dueAt = Temporal.Instant.fromEpochMilliseconds((await rowOf(id))?.due_at.getTime() ?? 0);
    expect(dueAt.equals(store.clock.now().add({ hours: 2 }))).toBe(true);
    store.clock.advance({ hours: 2 });
    await untilGone();
    expect(calls.map(({ attempts }) => attempts)).toEqual([1, 2, 1]);
  });
});

describe('A handler that fails', () => {
  it('is called again, later and later, and told how often it was', async () => {
    const id = newId('inv');
    const failures = 4;
    const { calls, handler } = noted(
      ...Array.from({ length: failures }, (): DueHandler => () => Promise.reject(new Error('no'))),
    );
    const ticker = tick(handler);
    await plan(id);
    for (let attempt = 1; attempt <= failures; attempt++) {
      await eventually(async () => expect(await rowOf(id)).toMatchObject({ attempts: attempt, claimed_until: null }));
      const waitMs = ((await rowOf(id))?.due_at.getTime() ?? 0) - store.clock.now().epochMilliseconds;
      expect(waitMs).toBeGreaterThanOrEqual(500 * 2 ** (attempt - 1));
      expect(waitMs).toBeLessThanOrEqual(1_000 * 2 ** (attempt - 1));
      store.clock.advance({ milliseconds: waitMs });
    }
    await untilGone();
    expect(calls.map(({ attempts }) => attempts)).toEqual([1, 2, 3, 4, 5]);
    expect(ticker.errors).toHaveLength(failures);
  });

  it('waits ten minutes at most', async () => {
    const id = newId('inv');
    await plan(id);
    await store.sql('update users.due set attempts = 1000');
    tick(() => Promise.reject(new Error('no')));
    await eventually(async () => expect(await rowOf(id)).toMatchObject({ attempts: 1_001 }));
    await eventually(async () => expect(await rowOf(id)).toMatchObject({ claimed_until: null }));
    const waitMs = ((await rowOf(id))?.due_at.getTime() ?? 0) - store.clock.now().epochMilliseconds;
    expect(waitMs).toBeGreaterThanOrEqual(300_000);
    expect(waitMs).toBeLessThanOrEqual(600_000);
  });

  it('does not keep the others waiting', async () => {
    const bad = newId('inv');
    const ids = Array.from({ length: 5 }, () => newId('inv'));
    const seen: string[] = [];
    tick(async ({ uuid }) => {
      if (uuid === uuidOf(bad)) throw new Error('no');
      seen.push(uuid);
      return undefined;
    });
    await plan(bad);
    for (const id of ids) await plan(id);
    await eventually(() => expect(seen.toSorted()).toEqual(ids.map(uuidOf).toSorted()));
    expect(await rowOf(bad)).toBeDefined();
  });
});

describe('Two tickers', () => {
  it('never do one thing at the same time, and leave nothing undone', async () => {
    const ids = Array.from({ length: 100 }, () => newId('inv'));
    await store.databases.withTenant(tenantId, async (uow) => {
      for (const id of ids) await schedule(uow, KIND, id, uow.now);
    });
    const seen: string[] = [];
    const doers = new Map<number, number>();
    const doer =
      (who: number): DueHandler =>
      async ({ uuid }) => {
        seen.push(uuid);
        doers.set(who, (doers.get(who) ?? 0) + 1);
        await new Promise((resolve) => setImmediate(resolve));
        return undefined;
      };
    tick(doer(1));
    tick(doer(2));
    await untilGone();
    expect(seen.toSorted()).toEqual(ids.map(uuidOf).toSorted());
  });

  it('take over from each other when a claim lapses; who comes back late changes nothing', async () => {
    const id = newId('inv');
    const gate = Promise.withResolvers<void>();
    const slow = noted(async () => {
      await gate.promise;
      return undefined;
    });
    const first = tick(slow.handler);
    await plan(id);
    await eventually(() => expect(slow.calls).toHaveLength(1));
    // It hangs; its process could as well be dead. Somebody else waits for the same.
    const second = noted(async () => store.clock.now().add({ hours: 1 }));
    const stopping = first.stop();
    tick(second.handler);
    store.clock.advance({ seconds: 59 });
    await plan(newId('inv'), { hours: 9 });
    expect(second.calls).toEqual([]);
    store.clock.advance({ seconds: 2 });
    await eventually(() => expect(second.calls).toEqual([{ tenantId, uuid: uuidOf(id), attempts: 2 }]));
    await eventually(async () => expect(await rowOf(id)).toMatchObject({ claimed_until: null }));
    const after = await rowOf(id);
    gate.resolve();
    await stopping;
    expect(await rowOf(id)).toEqual(after);
  });
});

describe('A ticker', () => {
  it('with all hands full takes no more, and goes on as soon as one is free', async () => {
    const ids = Array.from({ length: 40 }, () => newId('inv'));
    const gate = Promise.withResolvers<void>();
    let atOnce = 0;
    let most = 0;
    const ticker = tick(async () => {
      most = Math.max(most, ++atOnce);
      await gate.promise;
      atOnce--;
      return undefined;
    });
    await store.databases.withTenant(tenantId, async (uow) => {
      for (const id of ids) await schedule(uow, KIND, id, uow.now);
    });
    await eventually(() => expect(atOnce).toBe(32));
    const before = ticker.lookups();
    for (let i = 0; i < 100; i++) await store.sql('select 1');
    const asked = ticker.lookups() - before;
    gate.resolve();
    await untilGone();
    expect(most).toBe(32);
    expect(asked, 'asks what is due next although it could not do it').toBeLessThanOrEqual(1);
  });

  it('that is told to stop finishes what it has begun, and begins nothing', async () => {
    const gate = Promise.withResolvers<void>();
    const { calls, handler } = noted(async () => {
      await gate.promise;
      return undefined;
    });
    const ticker = tick(handler);
    const [begun, next] = [newId('inv'), newId('inv')];
    await plan(begun);
    await eventually(() => expect(calls).toHaveLength(1));
    const stopped = ticker.stop();
    await plan(next);
    gate.resolve();
    await stopped;
    expect(calls).toHaveLength(1);
    expect((await rows()).map((row) => row.id)).toEqual([uuidOf(next)]);
  });

  it('finds what nobody told it of, and is told of what its own process commits', async () => {
    const { calls, handler } = noted();
    tick(handler, KIND, new CommittedWork());
    await plan(newId('inv'));
    await eventually(() => expect(calls).toHaveLength(1));
    const told: string[] = [];
    const stop = store.databases.committed.on('due', () => told.push('due'));
    await plan(newId('inv'));
    stop();
    expect(told).toEqual(['due']);
  });

  it('survives the loss of its connection', async () => {
    const { calls, handler } = noted();
    const ticker = tick(handler);
    await plan(newId('inv'));
    await eventually(() => expect(calls).toHaveLength(1));
    await store.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'users_worker' and datname = current_database()`,
    );
    await plan(newId('inv'));
    await eventually(() => expect(calls).toHaveLength(2));
    await ticker.stop();
  });

  it('without kinds does nothing', async () => {
    const { databases, clock } = store;
    const options = { worker: databases.worker, clock };
    await startTicker({ ...options, handlers: {}, onError: () => undefined }).stop();
  });
});
