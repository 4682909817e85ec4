import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../../../deploy/embedded/redis.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import { steadyPort } from '../../../tests/support/steady-port.ts';
import { openStage, type Stage } from './support/stage.ts';

/** A Redis of our own, which can be killed without taking other tests with it. It keeps nothing over a restart. */
async function openRedis() {
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-redis-'));
  const port = await steadyPort();
  const start = () =>
    startRedis({
      dataDir: folder,
      logFile: join(folder, 'redis.log'),
      port,
      tuning: 'fast',
      serversDir:
        process.env['TENANTRY_SERVERS_DIR'] ?? fileURLToPath(new URL('../../../.tenantry/servers', import.meta.url)),
      say: () => undefined,
    });
  let server: Awaited<ReturnType<typeof start>> | null = null;
  const stop = async (): Promise<void> => {
    await server?.stop();
    server = null;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    start: async (): Promise<void> => {
      server = await start();
    },
    stop,
    close: async (): Promise<void> => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

let redis: Awaited<ReturnType<typeof openRedis>>;
let stage: Stage;
beforeAll(async () => {
  redis = await openRedis();
  await redis.start();
  stage = await openStage({ REDIS_URL: redis.url });
});
afterAll(async () => {
  await stage?.close();
  await redis?.close();
});

describe('While Redis is away', () => {
  it('messages wait as rows and go out, once each, when an empty one comes back', async () => {
    const { tenant, user, chatId } = await stage.link();
    await redis.stop();
    await stage.pay(tenant, user.id, { number: 'R-1' });
    await stage.pay(tenant, user.id, { number: 'R-2' });
    await eventually(async () =>
      expect(await stage.rows(user)).toMatchObject([{ status: 'queued' }, { status: 'queued' }]),
    );
    expect(await stage.texts(chatId)).toHaveLength(1);
    await redis.start();
    const texts = await stage.untilMessages(chatId, 3, 25_000);
    expect(new Set(texts).size).toBe(3);
    await eventually(async () =>
      expect(await stage.rows(user)).toMatchObject([
        { status: 'sent', attempts: 1 },
        { status: 'sent', attempts: 1 },
      ]),
    );
  });

  it('the service starts, answers, takes updates, and sends once Redis is there', async () => {
    const { tenant, user, chatId } = await stage.link();
    await redis.stop();
    await stage.world.restart('notifications');
    await stage.telegram.openLink(await stage.newLink(user), chatId);
    await stage.pay(tenant, user.id);
    await eventually(async () => expect(await stage.receipt(user)).toMatchObject({ status: 'queued' }));
    expect(await stage.texts(chatId)).toHaveLength(1);
    await redis.start();
    await stage.untilMessages(chatId, 3, 25_000);
  });
});
