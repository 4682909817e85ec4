import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { event } from '@tenantry/contract/event.ts';
import { openDatabases } from '@tenantry/databases/factory.ts';
import { isUniqueViolation } from '@tenantry/databases/postgres/errors.ts';
import { runAsAdmin } from '@tenantry/databases/test/open-test-databases.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { Problem, statusOf } from '@tenantry/kernel/problem.ts';
import { type Generated, sql } from 'kysely';
import { Type } from 'typebox';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { askJetStream } from '../ask-jetstream.ts';
import { startConsumers } from '../consumer.ts';
import { emit } from '../emit.ts';
import { connectNats } from '../nats.ts';
import { startOutboxRelay } from '../outbox-relay.ts';
import { on } from '../subscription.ts';
import { newSubject, openTestEvents } from './open-test-events.ts';
import { openPrivateNats } from './private-nats.ts';
import { openPrivatePostgres } from './private-postgres.ts';

const stepTaken = event('users.walker.stepped.v1', Type.Object({ step: Type.Integer() }));
const noteWritten = event('users.note.written.v1', Type.Object({ n: Type.Integer(), text: Type.String() }));
const LARGE_BYTES = 320 * 2 ** 20;
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** `told` is written with the event, `heard` by its handler; nothing forbids to hear a step twice. */
type WalkTables = {
  told: { tenant_id: string; walker: string; step: number; noise: string };
  heard: { tenant_id: string; place: Generated<bigint>; walker: string; step: number };
};

const WALK = `
  set role users_owner;
  set search_path = users;
  create table told (tenant_id uuid, walker text, step integer, noise text, primary key (tenant_id, walker, step));
  create table heard (tenant_id uuid, place bigint generated always as identity, walker text not null, step integer not null,
    primary key (tenant_id, place));
  select protect_tenant_table('told'), protect_tenant_table('heard');
`;
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

/** A disk of a test's own, where this user may mount one; null elsewhere. */
function mountDisk(bytes: number): { readonly folder: string; readonly unmount: () => void } | null {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tenantry-test', folder]);
  const unmount = (): void => {
    if (mounted.status === 0) spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  if (mounted.status === 0) return { folder, unmount };
  unmount();
  return null;
}

const disk = mountDisk(24 * 2 ** 20);
const largeDisk = mountDisk(LARGE_BYTES);
afterAll(() => {
  disk?.unmount();
  largeDisk?.unmount();
});

describe.skipIf(disk === null)('When the disk of NATS is full', () => {
  it('commits go on, health says so, and with room again and a server started anew all events arrive once, in order', async () => {
    const server = await openPrivateNats(undefined, disk?.folder);
    const world = await openTestEvents(server.url);
    const { databases, nats } = world;
    const handled = new Map<string, number[]>();
    const relay = startOutboxRelay({ service: 'users', pool: databases.workerPool, nats, onError: () => undefined });
    const consumers = await startConsumers({
      ...{ service: 'users', nats, withTenant: databases.withTenant, pool: databases.workerPool },
      subscriptions: [
        on(noteWritten, async (uow, { subject, data }) => {
          // Where a killed server has forgotten that this was handled, its first statement finds it out; see inbox.ts.
          await sql`select 1`.execute(uow.sql);
          handled.set(subject, [...(handled.get(subject) ?? []), data.n]);
        }),
      ],
      onError: () => undefined,
    });
    const [tenant, subjects] = [newId('ten'), upTo(3).map(newSubject)];
    const tellAll = async (n: number): Promise<void> => {
      for (const subject of subjects)
        await databases.withTenant(tenant, (uow) =>
          emit(uow, noteWritten, { subject, version: n, data: { n, text: 'x'.repeat(20_000) } }),
        );
    };
    const filler = join(disk?.folder ?? '', 'filler');
    try {
      await askJetStream(nats);
      expect(await server.isWell()).toBe(true);
      await tellAll(1);
      await eventually(() => expect(subjects.map((subject) => handled.get(subject))).toEqual([[1], [1], [1]]));
      fill(filler);
      for (const n of upTo(41).slice(1)) await tellAll(n);
      await eventually(() => expect(askJetStream(nats)).rejects.toThrow());
      expect(await server.isWell()).toBe(false);
      // Every time that the launcher starts it again; and there is no more room than before.
      await server.kill();
      await server.restart();
      await tellAll(42);
      rmSync(filler);
      await eventually(async () => {
        if (!(await server.isWell())) {
          await server.kill();
          await server.restart();
        }
        for (const subject of subjects) expect(handled.get(subject)?.at(-1)).toBe(42);
      }, 60_000);
      for (const subject of subjects) expect(handled.get(subject)).toEqual(upTo(42));
      await askJetStream(nats);
    } finally {
      await Promise.all([consumers.stop(), relay.stop()]);
      await world.close();
      await server.close();
    }
  }, 150_000);
});

describe.skipIf(largeDisk === null)('When the disk of PostgreSQL is full', () => {
  it('what is written gets 503, no event is given up, and with room again all arrive once, in order', async () => {
    const masterKey = inject('masterKey');
    const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-full-'));
    const postgres = await openPrivatePostgres(masterKey, largeDisk?.folder);
    await runAsAdmin(postgres.adminUrl, WALK);
    const namespace = `t${randomBytes(5).toString('hex')}`;
    const nats = await connectNats({ url: inject('natsUrl'), name: namespace, namespace });
    const databases = openDatabases<WalkTables>({
      ...{ service: 'users', databaseUrl: postgres.serviceUrl, redisUrl: inject('redisUrl'), clickhouseUrl: '' },
      ...{ masterKey, dataDir, namespace, clock: systemClock, traceparent: () => TRACEPARENT },
      onError: () => undefined,
    });
    const { workerPool: pool, withTenant } = databases;
    const relay = startOutboxRelay({ service: 'users', pool, nats, onError: () => undefined });
    const consumers = await startConsumers<WalkTables>({
      ...{ service: 'users', nats, withTenant, pool, onError: () => undefined, redeliveryDelaysMs: [10, 10] },
      subscriptions: [
        on<typeof stepTaken, WalkTables>(stepTaken, async (uow, { subject, data }) => {
          const heard = { tenant_id: uow.tenantUuid, walker: subject, step: data.step };
          await uow.sql.insertInto('heard').values(heard).execute();
        }),
      ],
    });
    const [tenant, walker] = [newId('ten'), newSubject()];
    const filler = join(largeDisk?.folder ?? '', 'filler');
    const refusals = new Set<number>();
    let step = 0;
    /** As a client does: the same again until it is saved. */
    const walk = async (isPatient: boolean): Promise<void> => {
      step++;
      for (;;) {
        const told = { walker, step, noise: randomBytes(100_000).toString('base64') };
        try {
          return await withTenant(tenant, async (uow) => {
            await uow.sql
              .insertInto('told')
              .values({ tenant_id: uow.tenantUuid, ...told })
              .execute();
            await emit(uow, stepTaken, { subject: walker, version: step, data: { step } });
          });
        } catch (error) {
          if (isUniqueViolation(error, 'told_pkey')) return;
          if (!(error instanceof Problem)) throw error;
          refusals.add(statusOf(error.kind));
          if (!isPatient) throw error;
          await sleep(50);
        }
      }
    };
    try {
      for (let n = 0; n < 5; n++) await walk(true);
      fill(filler);
      for (let n = 0; n < 400 && refusals.size === 0; n++) await walk(false).catch(() => undefined);
      expect([...refusals]).toEqual([503]);
      rmSync(filler);
      // It may have ended itself when its log did not fit; the launcher starts it again.
      await eventually(async () => {
        if (postgres.hasEnded()) await postgres.restart();
        await withTenant.read(tenant, ({ sql }) => sql.selectFrom('told').select('step').limit(1).execute());
      }, 60_000);
      step--;
      for (let n = 0; n < 5; n++) await walk(true);
      expect([...refusals]).toEqual([503]);
      const heard = () =>
        withTenant.read(tenant, ({ sql }) => sql.selectFrom('heard').select('step').orderBy('place').execute());
      await eventually(async () => expect((await heard()).map((row) => row.step)).toEqual(upTo(step)));
      const letters = await withTenant.read(tenant, ({ sql }) =>
        sql.selectFrom('dead_letters').select('cause').execute(),
      );
      expect(letters).toEqual([]);
    } finally {
      await Promise.all([consumers.stop(), relay.stop()]);
      await Promise.all([databases.close(), nats.close()]);
      await postgres.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  }, 240_000);
});

/** To the last byte. */
function fill(file: string): void {
  try {
    writeFileSync(file, Buffer.alloc(LARGE_BYTES));
  } catch {
    // That is what full means.
  }
}
