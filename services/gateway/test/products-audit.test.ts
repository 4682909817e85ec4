import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, ensureStream, type Nats } from '@tenantry/events/nats.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { openRevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { streamName } from '@tenantry/events/subjects.ts';
import { newId, newUuid, type TenantId } from '@tenantry/kernel/id.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { noteChange } from '../products/change.ts';
import { ChangeFeed } from '../products/change-feed.ts';
import { type Change, type Registered, recordKey, UPSTREAMS_BUCKET, type UpstreamRecord } from '../products/records.ts';
import { adminToken, call, openProduct, type Product, register } from './product-shop.ts';
import { openSetting, type Setting } from './setting.ts';

type Told = EventEnvelope<{ action: string; principal: string; version: number; changedAt: string; fields: string[] }>;

let setting: Setting;
let nats: Nats;
let gateway: string;
let acme: TenantRecord;
let shop: Product;
const logger = createLogger({ service: 'test', instanceId: 'test', level: 'silent' });

beforeAll(async () => {
  setting = await openSetting();
  nats = await connectNats({ url: inject('natsUrl'), name: 'audit-test', namespace: setting.namespace });
  await ensureStream(nats, 'gateway');
  acme = await setting.tenant();
  gateway = (await setting.gateway({ UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' })).url;
  shop = await openProduct();
});
afterAll(async () => {
  await nats.close();
  await setting.close();
  await shop.close();
});

/** All that was ever told, in its order, also what was told twice. */
async function allTold(of: Nats = nats): Promise<readonly Told[]> {
  const stream = streamName(of.namespace, 'gateway');
  const { state } = await of.manager.streams.info(stream);
  const told: Told[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await of.manager.streams.getMessage(stream, { seq });
    if (message !== null) told.push(message.json<Told>());
  }
  return told;
}
const toldOf = async (id: string): Promise<readonly Told[]> =>
  (await allTold()).filter(({ subject }) => subject === id);
const soon = (check: () => Promise<void>) => eventually(check);
const stored = (tenantId: TenantId, id: string) =>
  openRevisedBucket<UpstreamRecord>(nats, UPSTREAMS_BUCKET).get(recordKey({ tenantId, id }));

describe('A change of what is registered', () => {
  it('is told: who has registered, changed and removed what, and when', async () => {
    const admin = setting.token(acme.id, { roles: ['admin'], userId: 'usr_01h455vb4pex5vsknk084sn02q' });
    const other = setting.token(acme.id, { roles: ['owner'], userId: 'usr_01h455vb4pex5vsknk084sn02r' });
    const body = { name: 'Shop', targets: [{ url: shop.url }] };
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const created = await call(`${gateway}/v1/upstreams`, 'POST', admin, body, { traceparent });
    const id = String(created.body.id);
    const at = `${gateway}/v1/upstreams/${id}`;
    const secretHeaders = [{ name: 'x-key', value: 'hush' }];
    expect((await call(at, 'PUT', other, { ...body, name: 'New', secretHeaders })).status).toBe(200);
    const routeId = await register(gateway, 'routes', admin, {
      upstreamId: id,
      methods: ['GET'],
      path: '/apps/audited',
    });
    expect((await call(`${gateway}/v1/routes/${routeId}`, 'DELETE', other)).status).toBe(204);
    expect((await call(at, 'DELETE', admin)).status).toBe(204);
    await soon(async () =>
      expect([await toldOf(id), await toldOf(routeId)]).toMatchObject([{ length: 3 }, { length: 2 }]),
    );
    const [first, second, third] = await toldOf(id);
    expect(first).toMatchObject({
      type: 'gateway.registration.changed.v1',
      tenantid: acme.id,
      aggregateversion: 1,
      data: {
        action: 'upstream:register',
        principal: 'usr_01h455vb4pex5vsknk084sn02q',
        onBehalfOf: null,
        version: 1,
        changedAt: created.body.createdAt,
        fields: [],
      },
    });
    expect(first?.traceparent).toContain('0af7651916cd43dd8448eb211c80319c');
    expect(second?.data).toMatchObject({
      action: 'upstream:change',
      principal: 'usr_01h455vb4pex5vsknk084sn02r',
      version: 2,
      fields: ['name', 'secretHeaders'],
    });
    expect(third?.data).toMatchObject({ action: 'upstream:remove', version: 3 });
    expect((await toldOf(routeId)).map(({ data }) => data.action)).toEqual(['route:register', 'route:remove']);
    expect(JSON.stringify(await allTold())).not.toContain('hush');
    // Nothing of it stays behind.
    await soon(async () => expect(await stored(acme.id, id)).toBeNull());
  });

  it('is told once each, in its order, however many come at once; and what was refused is not', async () => {
    const admin = adminToken(setting, acme.id);
    const body = { name: 'Shop', targets: [{ url: shop.url }] };
    const id = await register(gateway, 'upstreams', admin, body);
    const at = `${gateway}/v1/upstreams/${id}`;
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => call(at, 'PUT', admin, { ...body, name: `Shop ${i}` })),
    );
    await call(at, 'PUT', admin, body, { 'if-match': '"1"' });
    await call(at, 'PUT', admin, { ...body, targets: [{ url: 'http://10.0.0.1' }] });
    const done = answers.filter(({ status }) => status === 200).length;
    await soon(async () => expect(await toldOf(id)).toHaveLength(done + 1));
    const told = await toldOf(id);
    expect(told.map(({ data }) => data.version)).toEqual(told.map((_, i) => i + 1));
    expect(new Set(told.map((one) => one.id)).size).toBe(told.length);
    await soon(async () => expect((await stored(acme.id, id))?.value).not.toHaveProperty('unheard'));
  });

  it('that a killed gateway has made and not told is told by another one', async () => {
    const admin = adminToken(setting, acme.id);
    const id = await register(gateway, 'upstreams', admin, { name: 'Shop', targets: [{ url: shop.url }] });
    await soon(async () => expect((await stored(acme.id, id))?.value).not.toHaveProperty('unheard'));
    const before = await stored(acme.id, id);
    if (before === null) throw new Error('not stored');
    // What lies there when a gateway dies right after its write.
    const bucket = openRevisedBucket<UpstreamRecord>(nats, UPSTREAMS_BUCKET);
    const changed = { ...before.value, version: 2, name: 'Changed', unheard: changesOf('upstream:change', 2) };
    expect(await bucket.update(recordKey(changed), changed, before.revision)).toBe(true);
    await soon(async () => expect((await toldOf(id)).map(({ data }) => data.version)).toEqual([1, 2]));
    await soon(async () => expect((await stored(acme.id, id))?.value).not.toHaveProperty('unheard'));
    expect((await stored(acme.id, id))?.value.name).toBe('Changed');
  });

  it('that was a removal counts at once, and is finished by another gateway', async () => {
    const admin = adminToken(setting, acme.id);
    const id = await register(gateway, 'upstreams', admin, { name: 'Shop', targets: [{ url: shop.url }] });
    const at = `${gateway}/v1/upstreams/${id}`;
    await soon(async () => expect((await stored(acme.id, id))?.value).not.toHaveProperty('unheard'));
    const before = await stored(acme.id, id);
    if (before === null) throw new Error('not stored');
    const { tenantId, createdAt } = before.value;
    const unheard = changesOf('upstream:remove', 2);
    const gone: Registered = { id, tenantId, createdAt, updatedAt: createdAt, version: 2, isRemoved: true, unheard };
    const bucket = openRevisedBucket<Registered>(nats, UPSTREAMS_BUCKET);
    expect(await bucket.update(recordKey(gone), gone, before.revision)).toBe(true);
    // While it still lies there.
    expect((await call(at, 'GET', admin)).status).toBe(404);
    expect((await call(at, 'PUT', admin, { name: 'Shop', targets: [{ url: shop.url }] })).status).toBe(404);
    const route = { upstreamId: id, methods: ['GET'], path: '/apps/gone' };
    expect((await call(`${gateway}/v1/routes`, 'POST', admin, route)).status).toBe(400);
    const { data } = (await call(`${gateway}/v1/upstreams`, 'GET', admin)).body as { data: { id: string }[] };
    expect(data.some((one) => one.id === id)).toBe(false);
    await soon(async () => expect((await toldOf(id)).map((one) => one.data.version)).toEqual([1, 2]));
    await soon(async () => expect(await stored(acme.id, id)).toBeNull());
  });
});

describe('Whatever dies in the middle of telling', () => {
  it('every change is told, by its own id, and in its order', async () => {
    const step = fc.record({
      what: fc.constantFrom('change' as const, 'change' as const, 'tell' as const, 'remove' as const),
      who: fc.constantFrom(0, 1),
      dies: fc.constantFrom(null, null, 'before publishing', 'after publishing', 'before writing', 'after writing'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
        const namespace = `au${newUuid().slice(-12)}`;
        const own = await connectNats({ url: inject('natsUrl'), name: 'audit-property', namespace });
        await ensureStream(own, 'gateway');
        const bucket = openRevisedBucket<Registered>(own, UPSTREAMS_BUCKET);
        const state = await watchState<Registered>(own, UPSTREAMS_BUCKET);
        let dies: (typeof steps)[number]['dies'] = null;
        const die = (when: typeof dies): void => {
          if (dies === when) throw new Error(`killed ${when}`);
        };
        const mortal: Nats = {
          ...own,
          jetstream: new Proxy(own.jetstream, {
            get: (target, name) =>
              name !== 'publish'
                ? Reflect.get(target, name)
                : async (...given: Parameters<typeof target.publish>) => {
                    die('before publishing');
                    const answer = await target.publish(...given);
                    die('after publishing');
                    return answer;
                  },
          }),
        };
        const write = async (work: () => Promise<boolean>): Promise<boolean> => {
          die('before writing');
          const isDone = await work();
          die('after writing');
          return isDone;
        };
        const mortalBucket: typeof bucket = {
          ...bucket,
          update: (...given) => write(() => bucket.update(...given)),
          remove: (...given) => write(() => bucket.remove(...given)),
        };
        const open = (nats: Nats, of: typeof bucket) =>
          new ChangeFeed<Registered>({ nats, bucket: of, state, logger, sweepEveryMs: 3_600_000 });
        const feeds = [open(mortal, mortalBucket), open(mortal, mortalBucket)];
        const record: Registered = {
          id: newId('ups'),
          tenantId: newId('ten'),
          version: 1,
          createdAt: '2026-11-21T09:30:00.000Z',
          updatedAt: '2026-11-21T09:30:00.000Z',
        };
        const key = recordKey(record);
        const made: string[] = [];
        const add = async (isRemoval: boolean): Promise<void> => {
          const found = await bucket.get(key);
          const before = found?.value ?? record;
          if (before.isRemoved === true || (found === null && made.length > 0)) return;
          const version = made.length + 1;
          const unheard = changesOf(isRemoval ? 'upstream:remove' : 'upstream:change', version, before.unheard);
          const next = { ...before, version, unheard, ...(isRemoval && { isRemoved: true as const }) };
          const isDone =
            found === null ? await bucket.create(key, next) : await bucket.update(key, next, found.revision);
          if (isDone) made.push(unheard.at(-1)?.eventId ?? '');
        };
        await add(false);
        for (const one of steps) {
          dies = one.dies;
          if (one.what === 'tell') await feeds[one.who]?.tell(key);
          // At the same instant as the other one tells.
          else await Promise.all([add(one.what === 'remove'), feeds[one.who]?.tell(key)]);
        }
        dies = null;
        const last = open(own, bucket);
        await last.tell(key);
        const firsts = [...new Set((await allTold(own)).map(({ id }) => id))];
        expect(firsts).toEqual(made);
        const rest = await bucket.get(key);
        expect(rest?.value.unheard ?? []).toEqual([]);
        expect(rest?.value.isRemoved ?? false).toBe(false);
        await Promise.all([...feeds, last].map((feed) => feed.close()));
        await state.close();
        await own.manager.streams.delete(streamName(namespace, 'gateway'));
        await own.close();
      }),
      { numRuns: 25, endOnFailure: true },
    );
  }, 120_000);

  it('a change that could never be told is refused rather than made unseen', () => {
    let unheard: readonly Change[] = [];
    for (let version = 1; version <= 50; version++) unheard = changesOf('upstream:change', version, unheard);
    expect(() => changesOf('upstream:change', 51, unheard)).toThrow(/audit/);
  });
});

function changesOf(action: Change['action'], version: number, earlier: readonly Change[] = []): readonly Change[] {
  const principal = {
    kind: 'user',
    tenantId: acme.id,
    id: 'usr_01h455vb4pex5vsknk084sn02q',
    grants: [],
    roles: [],
    sessionId: null,
    onBehalfOf: null,
  } as const;
  return noteChange(principal, { action, version, changedAt: '2026-11-21T09:30:00.000Z', fields: [] }, earlier);
}
