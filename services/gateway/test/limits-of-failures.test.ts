import { generateSigningKey, signJws } from '@tenantry/auth/jws.ts';
import { serve, servePublic } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNote, readPublic } from './endpoints.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

const ALLOWED = 20;

let setting: Setting;

beforeAll(async () => {
  setting = await openSetting();
  await setting.service('notes', [serve(readNote, async () => ({})), servePublic(readPublic, async () => ({}))]);
});
afterAll(() => setting.close());

/** One failure a second comes back. */
async function openGateway(): Promise<string> {
  const { url } = await setting.gateway({
    RATE_LIMIT_FAILURES_PER_SECOND: '1',
    RATE_LIMIT_FAILURES_BURST_SECONDS: String(ALLOWED),
  });
  return url;
}

const read = (url: string, token: string | null) =>
  fetch(`${url}/v1/notes/1`, token === null ? {} : { headers: { authorization: `Bearer ${token}` } });

async function statuses(count: number, ask: (index: number) => Promise<Response>): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, (_, index) => ask(index)));
  for (const answer of answers) {
    if (answer.status === 429) {
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await answer.json()).toMatchObject({ code: 'rate-limited', violatedPolicies: ['failures'] });
    } else await answer.arrayBuffer();
  }
  return answers.map(({ status }) => status);
}

const count = (all: readonly number[], status: number): number => all.filter((one) => one === status).length;

describe('An address that', () => {
  it('scans for paths is answered 429; its neighbours with a good token and public endpoints go on', async () => {
    const url = await openGateway();
    const tenant = await setting.tenant();
    const neighbour = setting.token(tenant.id);
    await answersWith(200, () => read(url, neighbour));
    await answersWith(200, () => fetch(`${url}/v1/public-notes`));
    const scanned = await statuses(100, (index) => fetch(`${url}/wp-admin/${index}.php`));
    expect(count(scanned, 404) + count(scanned, 429)).toBe(100);
    // A second or so may pass, in which one more failure is forgiven.
    expect(count(scanned, 404)).toBeLessThan(ALLOWED + 10);
    expect(count(scanned, 404)).toBeGreaterThan(0);
    for (let i = 0; i < 10; i++) expect((await read(url, neighbour)).status).toBe(200);
    expect((await fetch(`${url}/v1/public-notes`)).status).toBe(200);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });

  it('guesses tokens is answered 429, and can sign in again a little later', async () => {
    const url = await openGateway();
    const tenant = await setting.tenant();
    const forger = generateSigningKey(setting.tokenKey.kid);
    const genuine = setting.token(tenant.id);
    await answersWith(200, () => read(url, genuine));
    const guessed = await statuses(100, (index) => read(url, signJws(forger, 'at+jwt', { sub: `usr_${index}` })));
    expect(count(guessed, 401) + count(guessed, 429)).toBe(100);
    expect(count(guessed, 401)).toBeLessThan(ALLOWED + 10);
    expect(count(guessed, 429)).toBeGreaterThan(50);
    await answersWith(200, () => read(url, setting.token(tenant.id)));
  });
});
