import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis } from '@tenantry/deploy/embedded/redis.ts';
import { serve, servePublic } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guess, readNote, readPublic } from './endpoints.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let setting: Setting;
/** Its own, because it is going to be killed. */
let redis: Awaited<ReturnType<typeof startRedis>>;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenantry-limits-'));
  redis = await startRedis({
    dataDir: join(folder, 'redis'),
    logFile: join(folder, 'redis.log'),
    tuning: 'fast',
    serversDir: process.env.TENANTRY_SERVERS_DIR ?? join(ROOT, '.tenantry', 'servers'),
  });
  setting = await openSetting();
  await setting.service('notes', [
    serve(readNote, async () => ({})),
    servePublic(readPublic, async () => ({})),
    servePublic(guess, async () => ({ right: false })),
  ]);
}, 60_000);
afterAll(async () => {
  await setting.close();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** So slowly that in the seconds that a test takes next to nothing is refilled. */
const HOURLY = 3_600;
const gateways = async (perSecond: number, burstSeconds: number) => {
  const environment = {
    REDIS_URL: redis.url,
    RATE_LIMIT_TENANT_PER_SECOND: String(perSecond),
    RATE_LIMIT_TENANT_BURST_SECONDS: String(burstSeconds),
    RATE_LIMIT_ADDRESS_PER_SECOND: String(perSecond),
    RATE_LIMIT_ADDRESS_BURST_SECONDS: String(burstSeconds),
  };
  return [await setting.gateway(environment), await setting.gateway(environment)] as const;
};

async function flood(urls: readonly string[], count: number, ask: (url: string) => Promise<Response>) {
  // Until a gateway has heard of a new tenant it refuses without counting.
  for (const url of urls) await answersWith(200, () => ask(url));
  const startedAtMs = performance.now();
  const passed = urls.map(() => 1);
  let sent = 0;
  let lastRefusal: Response | undefined;
  const worker = async (): Promise<void> => {
    while (sent < count) {
      const index = sent++ % urls.length;
      const response = await ask(urls[index] ?? '');
      await response.arrayBuffer();
      if (response.status === 200) passed[index] = (passed[index] ?? 0) + 1;
      else {
        expect(response.status).toBe(429);
        lastRefusal = response;
      }
    }
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  const tookSeconds = (performance.now() - startedAtMs) / 1_000;
  return { passed, total: passed.reduce((a, b) => a + b, 0), lastRefusal, tookSeconds };
}

const postGuess = (url: string) =>
  fetch(`${url}/v1/guesses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"guess":"1"}',
  });

describe('Rate limits over two gateways', () => {
  let urls: string[];
  const PER_SECOND = 1;
  const LIMIT = PER_SECOND * HOURLY;
  const asTenant = (token: string) => (url: string) =>
    fetch(`${url}/v1/notes/1`, { headers: { authorization: `Bearer ${token}` } });

  beforeAll(async () => {
    urls = (await gateways(PER_SECOND, HOURLY)).map(({ url }) => url);
    for (const url of urls) await answersWith(200, () => fetch(`${url}/v1/public-notes`));
  });

  it("admit a tenant's requests to within 1 % of the limit, and another tenant's beside it", async () => {
    const [one, other] = [await setting.tenant(), await setting.tenant()];
    const { total, lastRefusal, tookSeconds } = await flood(urls, LIMIT + 600, asTenant(setting.token(one.id)));
    expect(total).toBeGreaterThanOrEqual(LIMIT * 0.99);
    expect(total).toBeLessThanOrEqual(LIMIT * 1.01 + tookSeconds * PER_SECOND);
    expect(Number(lastRefusal?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(lastRefusal?.headers.get('ratelimit-policy')).toMatch(
      new RegExp(`^"tenant";q=${LIMIT};w=${HOURLY}, "principal";q=\\d+;w=\\d+$`),
    );
    expect(lastRefusal?.headers.get('ratelimit')).toMatch(/^"tenant";r=0;t=\d+, "principal";r=[1-9]\d*;t=\d+$/);
    await answersWith(200, () => asTenant(setting.token(other.id))(urls[0] ?? ''));
  }, 60_000);

  it('count guessable things exactly, by address, whoever asks them', async () => {
    const { total, lastRefusal } = await flood(urls, 30, postGuess);
    expect(total).toBe(5);
    expect(lastRefusal?.headers.get('ratelimit-policy')).toBe('"notes.guess";q=5;w=600');
    expect(Number(lastRefusal?.headers.get('retry-after'))).toBeGreaterThan(500);
    expect((await fetch(`${urls[0]}/v1/public-notes`)).status).toBe(200);
  });

  it('tell how much is left', async () => {
    const tenant = await setting.tenant();
    const ask = asTenant(setting.token(tenant.id));
    const response = await answersWith(200, () => ask(urls[0] ?? ''));
    const remaining = Number(/r=(\d+)/.exec(response.headers.get('ratelimit') ?? '')?.[1]);
    expect(remaining).toBe(LIMIT - 1);
  });

  it('go on with each gateway counting its share when Redis is killed', async () => {
    const live = setting.discovery.instancesOf('gateway').length;
    expect(live).toBe(2);
    await redis.stop();
    const tenant = await setting.tenant();
    const ask = asTenant(setting.token(tenant.id));
    const { total, passed, tookSeconds } = await flood(urls, LIMIT + 600, ask);
    const refilled = tookSeconds * PER_SECOND;
    expect(total).toBeGreaterThanOrEqual(LIMIT * 0.99);
    expect(total).toBeLessThanOrEqual(LIMIT * 1.01 + refilled);
    for (const share of passed) expect(share).toBeLessThanOrEqual((LIMIT / 2) * 1.01 + refilled);
  }, 60_000);
});
