import {
  CONFIGURATION_BUCKET,
  type ConfigurationLayer,
  type PushedLayer,
  planKey,
  tenantKey,
} from '@tenantry/contract/tenant-configuration.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readNote, writeNote } from './endpoints.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

/** In the seconds that a test takes nothing is refilled. */
const HOUR = 3_600;
const hourly = (times: number) => ({ requestsPerSecond: times, burstSeconds: HOUR });

let setting: Setting;
let nats: Nats;
let gatewayUrl: string;
let layers: Awaited<ReturnType<typeof openStateWriter<PushedLayer>>>;
let version = 0;

const put = (key: string, layer: ConfigurationLayer, plan: string | null = null) =>
  layers.put(key, { version: ++version, layer, plan });

beforeAll(async () => {
  setting = await openSetting();
  nats = await connectNats({ url: inject('natsUrl'), name: 'layers', namespace: setting.namespace });
  layers = await openStateWriter<PushedLayer>(nats, CONFIGURATION_BUCKET);
  gatewayUrl = (await setting.gateway()).url;
  await setting.service('notes', [serve(readNote, async () => ({})), serve(writeNote, async ({ body }) => body)]);
});
afterAll(async () => {
  await nats.close();
  await setting.close();
});

const read = (token: string) => fetch(`${gatewayUrl}/v1/notes/1`, { headers: { authorization: `Bearer ${token}` } });
const write = (token: string) =>
  fetch(`${gatewayUrl}/v1/notes`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"text":"x"}',
  });
const policy = (response: Response) => response.headers.get('ratelimit-policy');
const remaining = (response: Response, name: string): number =>
  Number(new RegExp(`"${name}";r=(\\d+)`).exec(response.headers.get('ratelimit') ?? '')?.[1]);

/** Until the gateway has heard of the tenant and of its configuration. */
async function known(tenant: TenantRecord, shown: string): Promise<void> {
  const probe = setting.token(tenant.id, { roles: ['member'] });
  await eventually(async () => {
    const response = await read(probe);
    expect([response.status, policy(response)]).toEqual([200, expect.stringContaining(shown)]);
  });
}

async function passed(count: number, ask: () => Promise<Response>): Promise<{ passed: number; refusal: Response }> {
  const answers = await Promise.all(Array.from({ length: count }, ask));
  const refusal = answers.find(({ status }) => status === 429);
  if (refusal === undefined) throw new Error('nothing was refused');
  const others = answers.filter(({ status }) => status !== 429 && status >= 300);
  expect(await Promise.all(others.map((answer) => answer.text()))).toEqual([]);
  return { passed: answers.filter(({ status }) => status < 300).length, refusal };
}

describe('Limits', () => {
  it("are the plan's, then the tenant's own, and change while the gateway runs", async () => {
    const tenant = await setting.tenant();
    await put(planKey('pro'), { rateLimits: { tenant: { requestsPerSecond: 700, burstSeconds: 2 } } });
    await put(tenantKey(tenant.id), {}, 'pro');
    await known(tenant, '"tenant";q=1400;w=2');
    await put(planKey('pro'), { rateLimits: { tenant: { requestsPerSecond: 800, burstSeconds: 2 } } });
    await known(tenant, '"tenant";q=1600;w=2');
    await put(tenantKey(tenant.id), { rateLimits: { tenant: { requestsPerSecond: 9, burstSeconds: 100 } } }, 'pro');
    await known(tenant, '"tenant";q=900;w=100');
    await put(planKey('pro'), { rateLimits: { tenant: { requestsPerSecond: 1, burstSeconds: 1 } } });
    await put(tenantKey(tenant.id), {}, null);
    await known(tenant, '"tenant";q=600000;w=6');
  });

  it('that change give nobody a fresh bucket, and a raised one lets in again', async () => {
    const tenant = await setting.tenant();
    const few = { requestsPerSecond: 1, burstSeconds: 100 };
    await put(tenantKey(tenant.id), { rateLimits: { tenant: few } });
    await known(tenant, '"tenant";q=100;w=100');
    const token = setting.token(tenant.id);
    await passed(300, () => read(token));
    await put(tenantKey(tenant.id), { rateLimits: { tenant: { requestsPerSecond: 2, burstSeconds: 100 } } });
    await eventually(async () => expect(policy(await read(token))).toContain('"tenant";q=200;w=100'));
    // Two more tokens a second at most, in much less than ten seconds; a fresh bucket would have two hundred.
    const { passed: gift } = await passed(100, () => read(token));
    expect(gift).toBeLessThan(20);
    await put(tenantKey(tenant.id), { rateLimits: { tenant: { requestsPerSecond: 1_000, burstSeconds: 1 } } });
    await answersWith(200, () => read(token));
  });

  it('of one user leave the tenant to the others, and name themselves', async () => {
    const tenant = await setting.tenant();
    await put(tenantKey(tenant.id), {
      rateLimits: { principal: { requestsPerSecond: 1, burstSeconds: 100 }, tenant: hourly(1) },
    });
    await known(tenant, '"principal";q=100;w=100');
    const before = remaining(await read(setting.token(tenant.id)), 'tenant');
    const greedy = setting.token(tenant.id, { userId: newId('usr') });
    const { passed: used, refusal } = await passed(400, () => read(greedy));
    expect(used).toBeGreaterThanOrEqual(100);
    expect(used).toBeLessThan(110);
    expect(await refusal.json()).toMatchObject({
      status: 429,
      code: 'rate-limited',
      violatedPolicies: ['principal'],
      instance: '/v1/notes/1',
      traceId: refusal.headers.get('x-trace-id'),
    });
    expect(remaining(refusal, 'principal')).toBe(0);
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const response = await read(setting.token(tenant.id));
    expect(response.status).toBe(200);
    // What was refused used nothing of the tenant's.
    expect(before - remaining(response, 'tenant')).toBe(used + 1);
  });

  it('of one route leave the other routes alone', async () => {
    const tenant = await setting.tenant();
    await put(tenantKey(tenant.id), { rateLimits: { routes: { 'POST /v1/notes': hourly(1) } } });
    const token = setting.token(tenant.id);
    await eventually(async () => expect(policy(await write(token))).toMatch(/"route";q=3600;w=3600$/));
    await put(tenantKey(tenant.id), {
      rateLimits: { routes: { 'POST /v1/notes': { requestsPerSecond: 1, burstSeconds: 5 } } },
    });
    await eventually(async () => expect(policy(await write(token))).toMatch(/"route";q=5;w=5$/));
    const { refusal } = await passed(50, () => write(token));
    expect(await refusal.json()).toMatchObject({ violatedPolicies: ['route'] });
    const response = await read(token);
    expect([response.status, policy(response)?.includes('route')]).toEqual([200, false]);
  });

  it('are in the metrics by name and outcome, without a label for tenants', async () => {
    const text = await (await fetch(`${gatewayUrl}/metrics`)).text();
    expect(text).toMatch(/gateway_rate_limit_decisions_total\{limit="principal",outcome="refused",[^}]*\} [1-9]/);
    expect(text).toMatch(/gateway_rate_limit_decisions_total\{limit="tenant",outcome="allowed",[^}]*\} [1-9]/);
    expect(text).toMatch(/gateway_rate_limit_redis_calls_total\{[^}]*\} [1-9]/);
    expect(text).not.toContain('ten_');
  });
});
