import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { event } from '@tenantry/contract/event.ts';
import { openDatabases } from '@tenantry/databases/factory.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import { emit } from '../emit.ts';
import type { TestEvents } from './open-test-events.ts';

type Recipe = {
  readonly databaseUrl: string;
  readonly masterKey: string;
  readonly dataDir: string;
  readonly tenantId: TenantId;
  readonly subject: string;
};

const wordSaid = event('users.word.said.v1', Type.Object({}));

/** A process of its own tells a fact and kills itself at the moment of its COMMIT. @returns what ended it */
export async function dieAfterCommit(world: TestEvents, tenantId: TenantId, subject: string) {
  const { serviceUrl: databaseUrl, masterKey } = world;
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-dying-'));
  const recipe: Recipe = { databaseUrl, masterKey, dataDir, tenantId, subject };
  const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, DYING_TELLER: JSON.stringify(recipe) } });
  const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  rmSync(dataDir, { recursive: true, force: true });
  return [signal] as const;
}

async function tellAndDie({ databaseUrl, masterKey, dataDir, tenantId, subject }: Recipe): Promise<void> {
  const databases = openDatabases<unknown>({
    service: 'users',
    databaseUrl,
    redisUrl: 'redis://127.0.0.1:1',
    clickhouseUrl: '',
    masterKey,
    dataDir,
    namespace: '',
    clock: systemClock,
    traceparent: () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    onError: () => undefined,
  });
  // The first who would hear of it.
  databases.committed.on('outbox', () => process.kill(process.pid, 'SIGKILL'));
  await databases.withTenant(tenantId, (uow) => emit(uow, wordSaid, { subject, version: 1, data: {} }));
}

if (process.env['DYING_TELLER'] !== undefined) await tellAndDie(JSON.parse(process.env['DYING_TELLER']) as Recipe);
