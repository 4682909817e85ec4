import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSessionStanding } from '@tenantry/contract/session-standing.ts';
import { createRedis } from '@tenantry/databases/redis.ts';
import { startRedis } from '@tenantry/deploy/embedded/redis.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whenConnected } from '../limits/rate-limiters.ts';
import type { RedisClient } from '../run-script.ts';
import { readNote } from './endpoints.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

const REQUESTS = 1_000;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let setting: Setting;
let folder: string;
/** Its own, so that whatever it is asked, this gateway asks. */
let redis: Awaited<ReturnType<typeof startRedis>>;
let client: RedisClient;
let read: () => Promise<Response>;
let notesAsked = 0;
let usersAsked = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenantry-no-io-'));
  redis = await startRedis({
    dataDir: join(folder, 'redis'),
    logFile: join(folder, 'redis.log'),
    tuning: 'fast',
    serversDir: process.env.TENANTRY_SERVERS_DIR ?? join(ROOT, '.tenantry', 'servers'),
  });
  client = createRedis({ url: redis.url, namespace: 'no-io', onError: () => undefined });
  await whenConnected(client);
  setting = await openSetting({ hasUsers: false });
  const tenant = await setting.tenant();
  const count = async () => {
    notesAsked++;
    return {};
  };
  await setting.service('notes', [serve(readNote, count)]);
  await setting.service('users', [
    serve(readSessionStanding, async () => {
      usersAsked++;
      return { standing: 'valid' as const };
    }),
  ]);
  const gateway = await setting.gateway({
    REDIS_URL: redis.url,
    RATE_LIMIT_TENANT_PER_SECOND: '500',
    RATE_LIMIT_PRINCIPAL_PER_SECOND: '500',
  });
  const token = setting.token(tenant.id);
  read = () => fetch(`${gateway.url}/v1/notes/1`, { headers: { authorization: `Bearer ${token}` } });
  await answersWith(200, read);
}, 60_000);
afterAll(async () => {
  client.disconnect();
  await setting.close();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** How often scripts were run: each purchase of a lease is one. */
async function scriptsRun(): Promise<number> {
  const stats = await client.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_(?:eval|evalsha|fcall):calls=(\d+)/gm)];
  return calls.reduce((sum, [, count]) => sum + Number(count), 0);
}

describe('A thousand requests like those before them', () => {
  it('ask their service once each, Redis for a lease of many now and then, and nobody else', async () => {
    const before = { notes: notesAsked, scripts: await scriptsRun() };
    for (let sent = 0; sent < REQUESTS; sent += 10) {
      const answers = await Promise.all(Array.from({ length: 10 }, read));
      for (const answer of answers) {
        expect(answer.status).toBe(200);
        await answer.arrayBuffer();
      }
    }
    expect(notesAsked - before.notes).toBe(REQUESTS);
    expect(usersAsked).toBe(0);
    // Two limits, at most a question to fifty requests each. On a slow machine leases run out before they are used up.
    expect((await scriptsRun()) - before.scripts).toBeLessThan(REQUESTS / 10);
  });
});
