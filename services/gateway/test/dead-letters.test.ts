import { event } from '@tenantry/contract/event.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { buryEvent } from '@tenantry/events/bury-event.ts';
import { on } from '@tenantry/events/subscription.ts';
import { newId, uuidOf } from '@tenantry/kernel/id.ts';
import { deadLetterRoutes } from '@tenantry/kit/dead-letters/dead-letter-routes.ts';
import { openStore, type Store } from '@tenantry/kit/test/open-store.ts';
import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { adminToken, call, memberToken, operatorToken } from './product-shop.ts';
import { openSetting, type Setting, type Upstream } from './setting.ts';
import { standInUsers } from './stand-in-users.ts';

const settled = on(event('payments.payment.settled.v1', Type.Object({})), async () => undefined);
const SERVICES = ['billing', 'users'] as const;
type Service = (typeof SERVICES)[number];

let setting: Setting;
let gateway: string;
let acme: TenantRecord;
let globex: TenantRecord;
let admin: string;
let operator: string;
const stores = new Map<Service, Store>();
const upstreams = new Map<Service, Upstream>();

beforeAll(async () => {
  setting = await openSetting({ hasUsers: false });
  [acme, globex] = [await setting.tenant(), await setting.tenant({ slug: 'globex' })];
  admin = adminToken(setting, acme.id);
  operator = operatorToken(setting);
  for (const service of SERVICES) {
    const store = await openStore(service);
    stores.set(service, store);
    const routes = deadLetterRoutes({
      service,
      databases: store.databases,
      handledTypes: new Set([settled.event.type]),
    });
    upstreams.set(
      service,
      await setting.service(service, [...routes, ...(service === 'users' ? standInUsers(setting.records) : [])]),
    );
  }
  gateway = (await setting.gateway()).url;
});
afterAll(async () => {
  await setting.close();
  await Promise.all([...stores.values()].map((store) => store.close()));
});

const storeOf = (service: Service): Store => {
  const store = stores.get(service);
  if (store === undefined) throw new Error(`No ${service}.`);
  return store;
};

beforeEach(async () => {
  for (const service of SERVICES)
    for (const table of ['dead_letters', 'lookups', 'inbox', 'outbox', 'audit'])
      await storeOf(service).sql(`truncate ${service}.${table}`);
});

type Bury = { readonly id?: string; readonly type?: string; readonly consumer?: string };

/** An event that this service gave up on. @returns the event's id and the letter's */
async function bury(service: Service, tenant: TenantRecord, options: Bury = {}) {
  const eventId = options.id ?? newId('evt');
  await buryEvent(storeOf(service).databases.withTenant, {
    consumer: options.consumer ?? `${service}--payments-payment`,
    cause: 'Problem: This invoice is void.',
    attempts: 3,
    event: {
      specversion: '1.0',
      id: eventId,
      source: '/tenantry/payments',
      type: options.type ?? settled.event.type,
      subject: newId('pay'),
      time: '2026-11-21T09:30:00.000Z',
      datacontenttype: 'application/json',
      tenantid: tenant.id,
      aggregateversion: 2,
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      data: { amount: '150000' },
    },
  });
  return { eventId, id: `dlt_${service}_${eventId.slice(4)}` };
}

const ask = (method: string, path: string, token: string, body?: unknown, headers: Record<string, string> = {}) =>
  call(`${gateway}/v1/dead-letters${path}`, method, token, body, headers);
const idsOf = (body: unknown): string[] => (body as { data: { id: string }[] }).data.map(({ id }) => id);

describe('The dead letters of a tenant', () => {
  it('are shown with their cause, of all services, newest event first, page by page', async () => {
    const letters: string[] = [];
    for (let i = 0; i < 3; i++)
      for (const service of SERVICES) letters.unshift((await bury(service, acme, { id: newId('evt') })).id);
    const shared = newId('evt'); // one event that two services gave up on
    for (const service of [...SERVICES].toReversed()) letters.unshift((await bury(service, acme, { id: shared })).id);
    await bury('billing', globex);

    const whole = await ask('GET', '', admin);
    expect(whole.status).toBe(200);
    expect(idsOf(whole.body)).toEqual(letters);
    expect(whole.body).toMatchObject({ nextCursor: null, unavailable: [] });
    expect((whole.body as { data: unknown[] }).data[0]).toEqual({
      id: letters[0],
      tenantId: acme.id,
      service: 'billing',
      consumer: 'billing--payments-payment',
      event: {
        id: shared,
        type: 'payments.payment.settled.v1',
        subject: expect.stringMatching(/^pay_/),
        version: 2,
        time: '2026-11-21T09:30:00.000Z',
        data: { amount: '150000' },
      },
      cause: 'Problem: This invoice is void.',
      attempts: 3,
      state: 'dead',
      diedAt: '2026-11-21T09:30:00.000Z',
      redrives: 0,
      redrivenAt: null,
      handledAt: null,
    });

    const walked: string[] = [];
    let cursor = '';
    do {
      const page = await ask('GET', `?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`, admin);
      walked.push(...idsOf(page.body));
      cursor = (page.body.nextCursor as string | null) ?? '';
      if (walked.length === 2) await bury('users', acme); // newer than all that is still to come
    } while (cursor !== '');
    expect(walked).toEqual(letters);
    expect((await ask('GET', `/${letters[0]}`, admin)).body).toMatchObject({ id: letters[0], state: 'dead' });
  });

  it('are found by service, consumer, type and state', async () => {
    const one = await bury('billing', acme);
    const other = await bury('billing', acme, { type: 'users.tenant.created.v1', consumer: 'billing--users-tenant' });
    const third = await bury('users', acme);
    await storeOf('users').sql(`update users.dead_letters set state = 'handled'`);
    const found = async (query: string) => idsOf((await ask('GET', `?${query}`, admin)).body);
    expect(await found('service=billing')).toEqual([other.id, one.id]);
    expect(await found('consumer=billing--users-tenant')).toEqual([other.id]);
    expect(await found('type=users.tenant.created.v1')).toEqual([other.id]);
    expect(await found('state=handled')).toEqual([third.id]);
    expect(await found('service=nobody')).toEqual([]);
    expect(await found(`tenantId=${globex.id}`)).toEqual([]);
  });

  it('are nobody else’s: another tenant finds none of them, by whatever way', async () => {
    const { id } = await bury('billing', acme);
    const stranger = adminToken(setting, globex.id);
    expect(idsOf((await ask('GET', '', stranger)).body)).toEqual([]);
    expect(idsOf((await ask('GET', `?tenantId=${acme.id}`, stranger)).body)).toEqual([]);
    for (const [method, path] of [
      ['GET', `/${id}`],
      ['POST', `/${id}/redrive`],
      ['DELETE', `/${id}`],
    ] as const)
      expect(await ask(method, path, stranger)).toMatchObject({ status: 404, body: { code: 'not-found' } });
    expect((await ask('POST', '/purge', stranger, { service: 'billing' })).status).toBe(403);
    expect((await ask('GET', `/${id}`, admin)).body).toMatchObject({ state: 'dead' });
    expect(await storeOf('billing').sql('select 1 from billing.outbox')).toEqual([]);
  });

  it('are not for members', async () => {
    expect((await ask('GET', '', memberToken(setting, acme.id))).status).toBe(403);
  });

  it('are asked for with a cursor of this list or none', async () => {
    expect(await ask('GET', '?cursor=nonsense', admin)).toMatchObject({
      status: 400,
      body: { code: 'validation-failed', errors: [{ path: 'query.cursor' }] },
    });
  });
});

describe('Driving a dead letter again', () => {
  it('twice at once sends it once, says so, and leaves one audit row', async () => {
    const { id, eventId } = await bury('billing', acme);
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask('POST', `/${id}/redrive`, admin)));
    for (const { status, body } of answers) {
      expect(status).toBe(202);
      expect(body).toMatchObject({ id, state: 'redriving', redrives: 1, redrivenAt: expect.any(String) });
    }
    const outbox = await storeOf('billing').sql<{ id: string; redrive: unknown }>(
      'select id, redrive from billing.outbox',
    );
    expect(outbox).toEqual([
      {
        id: expect.not.stringContaining(uuidOf(eventId as 'evt_')),
        redrive: { of: eventId, for: 'billing--payments-payment', source: '/tenantry/payments' },
      },
    ]);
    expect(await storeOf('billing').sql('select principal, action, resource from billing.audit')).toEqual([
      { principal: 'service:gateway', action: 'dead-letter:redrive', resource: id },
    ]);
  });

  it('repeated with its key answers as the first time', async () => {
    const { id } = await bury('billing', acme);
    const again = () => ask('POST', `/${id}/redrive`, admin, undefined, { 'idempotency-key': 'once' });
    const first = await again();
    await storeOf('billing').sql(`update billing.dead_letters set state = 'dead'`);
    const second = await again();
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(await storeOf('billing').sql('select 1 from billing.outbox')).toHaveLength(1);
  });

  it('that nobody handles any more is refused, and says what to do', async () => {
    const { id } = await bury('billing', acme, { type: 'users.tenant.renamed.v1' });
    expect(await ask('POST', `/${id}/redrive`, admin)).toMatchObject({
      status: 409,
      body: { code: 'dead-letter-unhandled', detail: expect.stringContaining('Purge') },
    });
  });
});

describe('Purging', () => {
  it('forgets one letter and its lookup; a second time there is nothing', async () => {
    const { id } = await bury('billing', acme);
    expect((await ask('DELETE', `/${id}`, admin)).status).toBe(204);
    expect((await ask('DELETE', `/${id}`, admin)).status).toBe(404);
    expect(await storeOf('billing').sql('select 1 from billing.lookups')).toEqual([]);
    expect(await storeOf('billing').sql('select action, resource from billing.audit')).toEqual([
      { action: 'dead-letter:purge', resource: id },
    ]);
  });

  it('by what fits is for operators, reaches all tenants and all services, and nothing that does not fit', async () => {
    await bury('billing', acme);
    await bury('users', globex);
    const kept = await bury('billing', globex, { type: 'users.tenant.created.v1' });
    for (let i = 0; i < 210; i++) await bury('users', acme); // more than one portion
    expect(await ask('POST', '/purge', operator, {})).toMatchObject({ status: 400 });
    expect(
      await ask('POST', '/purge', operator, { type: settled.event.type, diedBefore: '2026-01-01T00:00:00.000Z' }),
    ).toMatchObject({ status: 200, body: { purged: 0, isComplete: true } });
    expect(await ask('POST', '/purge', operator, { type: settled.event.type })).toMatchObject({
      status: 200,
      body: { purged: 212, isComplete: true, unavailable: [] },
    });
    expect(idsOf((await ask('GET', '', operator)).body)).toEqual([kept.id]);
    expect(await storeOf('billing').sql('select key from billing.lookups')).toHaveLength(1);
  });
});

describe('An operator', () => {
  it('sees, drives and purges the letters of all tenants', async () => {
    const one = await bury('billing', acme);
    const other = await bury('users', globex);
    expect(idsOf((await ask('GET', '', operator)).body)).toEqual([other.id, one.id]);
    expect(idsOf((await ask('GET', `?tenantId=${acme.id}`, operator)).body)).toEqual([one.id]);
    expect(idsOf((await ask('GET', '?state=handled', operator)).body)).toEqual([]);
    expect((await ask('GET', `/${one.id}`, operator)).body).toMatchObject({ tenantId: acme.id });
    expect((await ask('POST', `/${one.id}/redrive`, operator)).body).toMatchObject({ state: 'redriving' });
    expect((await ask('DELETE', `/${other.id}`, operator)).status).toBe(204);
    expect(idsOf((await ask('GET', '', operator)).body)).toEqual([one.id]);
    const audit = await storeOf('billing').sql<{ tenant_id: string; on_behalf_of: string }>(
      'select tenant_id, on_behalf_of from billing.audit',
    );
    expect(audit).toEqual([{ tenant_id: uuidOf(acme.id), on_behalf_of: expect.stringMatching(/^usr_/) }]);
  });

  it('is not led astray by a lookup whose letter was purged by a process that then died', async () => {
    const [gone, there] = [await bury('billing', acme), await bury('billing', acme)];
    await storeOf('billing').sql('delete from billing.dead_letters where id = $1', [uuidOf(gone.eventId as 'evt_')]);
    expect(idsOf((await ask('GET', '?limit=1', operator)).body)).toEqual([there.id]);
    expect((await ask('GET', `/${gone.id}`, operator)).status).toBe(404);
  });
});

describe('While a service is away', () => {
  it('the letters of the others are shown, and whose are missing; it alone is unavailable', async () => {
    const there = await bury('users', acme);
    await bury('billing', acme);
    await upstreams.get('billing')?.kill();
    await eventually(async () => {
      const answer = await ask('GET', '', admin);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ unavailable: ['billing'] });
      expect(idsOf(answer.body)).toEqual([there.id]);
    });
    expect(await ask('GET', '?service=billing', admin)).toMatchObject({
      status: 503,
      body: { code: 'upstream-unavailable' },
    });
  });
});
