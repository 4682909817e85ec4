import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startClickHouse } from '@tenantry/deploy/embedded/clickhouse.ts';
import type { EmbeddedServer } from '@tenantry/deploy/embedded/embedded-server.ts';
import { uuidOf } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { steadyPort } from '../../../tests/support/steady-port.ts';
import { readUsage } from '../contract/entitlements.ts';
import { openGate } from './gate.ts';
import { openSubscriptionsWorld } from './subscriptions-world.ts';

type Story = Awaited<ReturnType<typeof openSubscriptionsWorld>>;
type User = Parameters<Story['read']>[0];

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const openStory = async (clickhouseUrl: string) => {
  const story = await openSubscriptionsWorld({ CLICKHOUSE_URL: clickhouseUrl });
  closing.push(() => story.close());
  const tenant = await story.addTenant();
  return { story, tenant, user: story.world.principal(tenant.id, ['member']) };
};
const unexported = async (story: Story, user: User): Promise<number> => {
  const [row] = await story.world.sql<{ count: number }>(
    'select count(*)::int as count from subscriptions.usage_records where tenant_id = $1 and exported_at is null',
    [uuidOf(user.tenantId)],
  );
  return row?.count ?? 0;
};
const totalInClickHouse = async (story: Story, user: User): Promise<number> => {
  const { body, status } = await story.world.call(readUsage, { query: {} }, user);
  expect(status).toBe(200);
  return body.data.reduce((sum, day) => sum + day.amount, 0);
};

const killOff = async (server: EmbeddedServer): Promise<void> => {
  process.kill(-server.pid, 'SIGKILL');
  await server.exited;
};

describe.skipIf(inject('clickhouseUrl') === '')('Usage on its way to ClickHouse', () => {
  it('is counted once when the process was killed between inserting and marking', async () => {
    const gate = await openGate(inject('clickhouseUrl'));
    closing.push(() => gate.close());
    const { story, tenant, user } = await openStory(gate.url);
    gate.shut(); // the service itself cannot export
    for (const amount of [3, 4]) expect((await story.consume(user, amount)).status).toBe(200);

    const { world } = story;
    const databaseUrl = new URL(world.databaseUrl);
    databaseUrl.username = '';
    databaseUrl.password = '';
    const options = {
      tenantId: tenant.id,
      databaseUrl: databaseUrl.href,
      redisUrl: inject('redisUrl'),
      clickhouseUrl: inject('clickhouseUrl'),
      masterKey: world.masterKey,
      dataDir: world.dataDir,
      namespace: world.namespace,
    };
    const program = fileURLToPath(new URL('exporting-process.ts', import.meta.url));
    const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const [said] = await Promise.race([once(child.stdout, 'data'), exited]);
    expect(String(said)).toBe('inserted\n');
    child.kill('SIGKILL');
    await exited;
    expect(await unexported(story, user)).toBe(2);

    gate.open();
    expect(await totalInClickHouse(story, user)).toBe(7); // it was there
    await eventually(async () => {
      story.world.clock.advance({ seconds: 30 });
      expect(await unexported(story, user)).toBe(0);
    });
    expect(await totalInClickHouse(story, user)).toBe(7);
  });

  describe('while ClickHouse is killed', () => {
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tenantry-clickhouse-'));
      closing.push(() => rm(folder, { recursive: true, force: true }));
    });
    const start = async (options: { port?: number; dataDir?: string } = {}) => {
      const server = await startClickHouse({
        dataDir: join(folder, options.dataDir ?? 'data'),
        logFile: join(folder, 'log'),
        port: options.port ?? (await steadyPort()),
      });
      closing.push(() => server.stop());
      return server;
    };

    it('waits in PostgreSQL, loses nothing and counts nothing twice', async () => {
      const server = await start();
      const { story, user } = await openStory(server.url);
      let used = 0;
      const use = async (amount: number) => {
        expect((await story.consume(user, amount)).status).toBe(200);
        used += amount;
      };
      await use(1);
      await eventually(async () => expect(await unexported(story, user)).toBe(0));
      // Killed wherever the export of what is being used happens to be.
      const using = (async () => {
        for (let i = 0; i < 20; i++) {
          await use(1);
          story.world.clock.advance({ seconds: 1 });
        }
      })();
      await killOff(server);
      await using;
      await eventually(async () => expect(await unexported(story, user)).toBeGreaterThan(0));
      await start({ port: server.port });
      await eventually(async () => {
        story.world.clock.advance({ seconds: 30 });
        expect(await unexported(story, user)).toBe(0);
      });
      expect(await totalInClickHouse(story, user)).toBe(used);
    });

    it('finds its tables again on a server that was replaced by an empty one', async () => {
      const server = await start();
      const { story, user } = await openStory(server.url);
      await killOff(server);
      await start({ port: server.port, dataDir: 'another' });
      expect((await story.consume(user, 2)).status).toBe(200);
      await eventually(async () => {
        story.world.clock.advance({ seconds: 30 });
        expect(await unexported(story, user)).toBe(0);
      });
      expect(await totalInClickHouse(story, user)).toBe(2);
    });
  });
});
