import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isUniqueViolation } from '@tenantry/databases/postgres/errors.ts';
import { runAsAdmin } from '@tenantry/databases/test/open-test-databases.ts';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import pg from 'pg';
import { expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { emit } from '../emit.ts';
import { Watermark } from '../watermark.ts';
import { openWalkers, stepTaken, type WorkerRecipe } from './killed-worker.ts';
import { newSubject } from './open-test-events.ts';
import { openPrivateNats } from './private-nats.ts';
import { openPrivatePostgres } from './private-postgres.ts';

const EVENTS = Number(process.env['CHAOS_EVENTS'] ?? 10_000);
const SEED = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const WALKERS = 40;
const ROUNDS = 4;
const STEPS = Math.ceil(EVENTS / WALKERS);
const TOTAL = STEPS * WALKERS;

const TABLES = `
  set role users_owner;
  set search_path = users;
  create table told (tenant_id uuid, walker text, step integer, primary key (tenant_id, walker, step));
  create table heard (tenant_id uuid, place bigint generated always as identity, walker text not null, step integer not null,
    primary key (tenant_id, place));
  select protect_tenant_table('told'), protect_tenant_table('heard');
`;

type Victim = { readonly name: string; readonly kill: () => Promise<void>; readonly restart: () => Promise<void> };

/** @param ways the steps of each walker in the order in which they were handled */
function tally(ways: readonly (readonly number[])[]) {
  let [lost, doubled, invented, outOfOrder] = [(WALKERS - ways.length) * STEPS, 0, 0, 0];
  for (const steps of ways) {
    const told = steps.filter((step) => step >= 1 && step <= STEPS);
    const distinct = new Set(told);
    lost += STEPS - distinct.size;
    doubled += told.length - distinct.size;
    invented += steps.length - told.length;
    outOfOrder += [...distinct].filter((step, index, all) => index > 0 && step < (all[index - 1] ?? 0)).length;
  }
  return { lost, doubled, invented, outOfOrder };
}

/** Marsaglia's xorshift: the same seed kills in the same order and waits as long. */
function randomFrom(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

async function startWorker(recipe: WorkerRecipe): Promise<Victim & { readonly stop: () => Promise<void> }> {
  const program = fileURLToPath(new URL('./killed-worker.ts', import.meta.url));
  const start = (): ChildProcess =>
    spawn(process.execPath, [program], {
      env: { ...process.env, WORKER_RECIPE: JSON.stringify(recipe) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  let child = start();
  const kill = async (): Promise<void> => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return {
    name: recipe.role,
    kill,
    restart: async () => {
      child = start();
    },
    stop: kill,
  };
}

it(`${TOTAL} events arrive once and in order, although relay, consumer, NATS and PostgreSQL are killed in turn`, async () => {
  const random = randomFrom(SEED);
  console.log(`CHAOS_SEED=${SEED}`);
  const masterKey = inject('masterKey');
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-killed-'));
  const [postgres, nats] = await Promise.all([openPrivatePostgres(masterKey), openPrivateNats()]);
  await runAsAdmin(postgres.adminUrl, TABLES);
  const recipe = {
    ...{ databaseUrl: postgres.serviceUrl, redisUrl: inject('redisUrl'), natsUrl: nats.url },
    ...{ masterKey, dataDir },
  };
  const databases = openWalkers(recipe);
  const admin = new pg.Pool({ connectionString: postgres.adminUrl, max: 1, options: '-c search_path=users' });
  admin.on('error', () => undefined);
  const ask = async <T extends object>(text: string): Promise<T[]> => (await admin.query<T>(text)).rows;
  const count = async (table: string): Promise<number> =>
    (await ask<{ n: number }>(`select count(*)::integer as n from ${table}`))[0]?.n ?? 0;
  const relay = await startWorker({ ...recipe, role: 'relay' });
  const consumer = await startWorker({ ...recipe, role: 'consumer' });

  /** A step that may have been saved when the database was lost is tried again: its key says so. */
  async function tell(tenantId: TenantId, walker: string, step: number): Promise<void> {
    const save = (thenFail: boolean) =>
      databases.withTenant(tenantId, async (uow) => {
        const told = uow.sql.insertInto('told').values({ tenant_id: uow.tenantUuid, walker, step });
        await told.execute();
        await emit(uow, stepTaken, { subject: walker, version: step, data: { step: thenFail ? -step : step } });
        if (thenFail) throw new Error('undone');
      });
    if (step % 10 === 0) await save(true).catch(() => undefined);
    for (;;) {
      try {
        return await save(false);
      } catch (error) {
        if (isUniqueViolation(error, 'told_pkey')) return;
        await sleep(50);
      }
    }
  }

  const allowed = new Watermark();
  let begun = 0;
  const walkers = Array.from({ length: WALKERS }, newSubject);
  const tenants = Array.from({ length: 4 }, () => newId('ten'));
  const walk = async (walker: string, index: number): Promise<void> => {
    for (let step = 1; step <= STEPS; step++) {
      await allowed.reached(++begun);
      await tell(tenants[index % tenants.length] as TenantId, walker, step);
    }
  };

  const victims: Victim[] = [relay, consumer, { name: 'NATS', ...nats }, { name: 'PostgreSQL', ...postgres }];
  const order = Array.from({ length: ROUNDS }, () =>
    victims.map((victim) => ({ victim, at: random() })).toSorted((a, b) => a.at - b.at),
  ).flat();
  try {
    const walking = Promise.all(walkers.map(walk));
    for (const [index, { victim }] of order.entries()) {
      const before = await eventually(() => count('heard'), 30_000);
      allowed.advance(Math.ceil((TOTAL * (index + 1)) / order.length));
      await sleep(random() * 600);
      await victim.kill();
      await sleep(random() * 300);
      await victim.restart();
      // Now and then the next one dies before this one's death has been overcome.
      if (random() < 0.25) continue;
      await eventually(async () => expect(await count('heard')).toBeGreaterThan(before), 30_000);
    }
    await walking;
    await eventually(
      async () => expect(await count('(select distinct walker, step from heard)')).toBe(TOTAL),
      60_000,
    ).catch(
      () => undefined, // what is missing is told below
    );
    const heard = await ask<{ walker: string; steps: number[] }>(
      'select walker, array_agg(step order by place) as steps from heard group by walker',
    );
    expect(tally(heard.map(({ steps }) => steps))).toEqual({ lost: 0, doubled: 0, invented: 0, outOfOrder: 0 });
    expect(await count('told')).toBe(TOTAL);
    expect(await count('dead_letters')).toBe(0);
    await eventually(async () => expect(await count('outbox')).toBe(0));
  } finally {
    await Promise.all([relay.stop(), consumer.stop()]);
    await Promise.all([databases.close(), admin.end()]);
    await Promise.all([postgres.close(), nats.close()]);
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 240_000);
