import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { serve } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { readNote } from './endpoints.ts';
import { answersWith, openSetting, type Setting } from './setting.ts';

let setting: Setting;
let gateway: Awaited<ReturnType<Setting['gateway']>>;
let tenant: TenantRecord;
let authorization: string;
beforeAll(async () => {
  setting = await openSetting();
  tenant = await setting.tenant();
  authorization = `Bearer ${setting.token(tenant.id)}`;
  gateway = await setting.gateway();
});
afterAll(() => setting.close());

const routes = [serve(readNote, async ({ params }) => ({ noteId: params.noteId }) as never)];
const read = () => fetch(`${gateway.url}/v1/notes/1`, { headers: { authorization } });
const ready = async () => (await fetch(`${gateway.url}/health/ready`)).json();
const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name}{dependency="notes"`));
  if (line === undefined) throw new Error(`There is no ${name} of notes.`);
  return Number(line.split(' ').at(-1));
};
const SENTENCE = 'Requests that need the notes service get 503 with Retry-After; all others go on.';

describe('A service behind the gateway', { timeout: 60_000 }, () => {
  it('is known to be away from the requests that needed it, and to be back before anybody needs it', async () => {
    const notes = await setting.service('notes', routes);
    await answersWith(200, read);
    const calls = await metric('dependency_calls_total');
    for (let i = 0; i < 3; i++) expect((await read()).status).toBe(200);
    expect(await metric('dependency_calls_total')).toBe(calls + 3);
    expect(await ready()).toEqual({ status: 'ready' });

    await notes.kill();
    await eventually(async () => {
      const answer = await read();
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await ready()).toEqual({ status: 'degraded', degradedModes: [SENTENCE] });
    });
    expect(await metric('dependency_state')).toBe(2);
    expect(await metric('dependency_failures_total')).toBeGreaterThan(0);

    await setting.service('notes', routes, { port: Number(new URL(notes.url).port) });
    // Nobody asks for a note from here on.
    await eventually(async () => expect(await ready()).toEqual({ status: 'ready' }));
    expect(await metric('dependency_state')).toBeLessThan(2);
    expect((await read()).status).toBe(200);
  });
});
