import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { connectNats, ensureStream, type Nats } from '@tenantry/events/nats.ts';
import { eventSubject, streamName } from '@tenantry/events/subjects.ts';
import { makeEnvelope } from '@tenantry/events/test/open-test-events.ts';
import { openPrivateNats } from '@tenantry/events/test/private-nats.ts';
import { newId, type TenantId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { adminToken, memberToken } from './product-shop.ts';
import { openSetting, type Setting } from './setting.ts';

const BEAT_MS = 60;

let setting: Setting;
let nats: Nats;
let gatewayUrl: string;
let acme: TenantRecord;
let globex: TenantRecord;

beforeAll(async () => {
  setting = await openSetting();
  nats = await connectNats({ url: inject('natsUrl'), name: 'feed-test', namespace: setting.namespace });
  for (const service of ['billing', 'users']) await ensureStream(nats, service);
  [acme, globex] = [await setting.tenant(), await setting.tenant({ slug: 'globex' })];
  gatewayUrl = (await setting.gateway({ EVENT_FEED_HEARTBEAT_MS: String(BEAT_MS) })).url;
});
afterAll(async () => {
  await nats.close();
  await setting.close();
});

const tell = async (tenantId: TenantId, type: string, n: number, more: Partial<EventEnvelope> = {}, on = nats) => {
  const envelope = { ...makeEnvelope(type, tenantId, newId('inv'), n), ...more };
  await on.jetstream.publish(eventSubject(on.namespace, envelope), JSON.stringify(envelope), {
    msgID: envelope.id,
  });
  return envelope;
};
const PAID = 'billing.invoice.paid.v1';
const CREATED = 'users.tenant.created.v1';

type Told = { readonly id: string; readonly type: string; readonly event: EventEnvelope };

/** A client as browsers have it: keeps the id of the last block, also of one that tells nothing. */
async function follow(
  token: string,
  options: { readonly lastEventId?: string; readonly query?: string; readonly url?: string } = {},
) {
  const request = httpRequest(`${options.url ?? gatewayUrl}/v1/events${options.query ?? ''}`, {
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      ...(options.lastEventId === undefined ? {} : { 'last-event-id': options.lastEventId }),
    },
  });
  request.on('error', () => undefined);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  response.setEncoding('utf8');
  const told: Told[] = [];
  let text = '';
  let lastId = '';
  let beats = 0;
  const read = (chunk: string): void => {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      lastId = field('id') ?? lastId;
      const data = field('data');
      if (data === undefined) beats++;
      else told.push({ id: lastId, type: field('event') ?? '', event: JSON.parse(data) as EventEnvelope });
    }
  };
  const end = once(response, 'end');
  end.catch(() => undefined);
  return {
    status: response.statusCode,
    headers: response.headers,
    response,
    told,
    end,
    ids: () => told.map(({ event }) => event.id),
    lastId: () => lastId,
    beats: () => beats,
    read: () => response.on('data', read),
    async body(): Promise<Record<string, unknown>> {
      await once(response, 'end');
      return JSON.parse(text) as Record<string, unknown>;
    },
    leave: () => request.destroy(),
  };
}

/** Opened: what is told from now on will come. */
async function following(...parameters: Parameters<typeof follow>) {
  const client = await follow(...parameters);
  expect(client.status).toBe(200);
  client.read();
  await eventually(() => expect(client.lastId()).not.toBe(''));
  return client;
}

async function refused(...parameters: Parameters<typeof follow>) {
  const client = await follow(...parameters);
  client.read();
  return { status: client.status, body: await client.body() };
}

describe('The feed of a tenant', () => {
  it('tells what happens from now on, of all services, and nothing of another tenant', async () => {
    await tell(acme.id, PAID, 1);
    const client = await following(adminToken(setting, acme.id));
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    const [one, two] = [await tell(acme.id, PAID, 2), await tell(acme.id, CREATED, 3)];
    await tell(globex.id, PAID, 4);
    // Goes again to the one consumer that had given it up: no new fact.
    await tell(acme.id, PAID, 5, { redriveof: newId('evt'), redrivefor: 'users--billing-invoice' });
    const three = await tell(acme.id, PAID, 6);
    await eventually(() => expect(client.told).toHaveLength(3));
    expect(client.ids().toSorted()).toEqual([one.id, two.id, three.id].toSorted());
    expect(client.told.find(({ event }) => event.id === one.id)).toEqual({
      id: expect.any(String),
      type: PAID,
      event: one,
    });
    client.leave();
  });

  it('goes on behind the last event that was heard, wherever it broke off, and misses none', async () => {
    const heard: string[] = [];
    const sent: string[] = [];
    let lastEventId: string | undefined;
    for (let round = 0; round < 4; round++) {
      const client = await following(adminToken(setting, acme.id), lastEventId === undefined ? {} : { lastEventId });
      const here = client.told;
      for (let n = 0; n < 20; n++) sent.push((await tell(acme.id, n % 2 === 0 ? PAID : CREATED, n)).id);
      await eventually(() => expect(here.length).toBeGreaterThan(7));
      client.leave(); // in the middle
      heard.push(...client.ids());
      lastEventId = client.lastId();
      sent.push((await tell(acme.id, PAID, 99)).id); // nobody follows
    }
    const last = await following(adminToken(setting, acme.id), { query: `?lastEventId=${lastEventId}` });
    await eventually(() => expect(new Set([...heard, ...last.ids()]).size).toBe(sent.length));
    heard.push(...last.ids());
    expect(heard.toSorted()).toEqual(sent.toSorted());
    last.leave();
  });

  it('tells only of what was asked for', async () => {
    const client = await following(adminToken(setting, acme.id), { query: '?type=billing.invoice' });
    await tell(acme.id, CREATED, 1);
    await tell(acme.id, 'billing.credit-note.issued.v1', 2);
    const [one, two] = [await tell(acme.id, PAID, 3), await tell(acme.id, 'billing.invoice.voided.v1', 4)];
    await eventually(() => expect(client.ids()).toEqual([one.id, two.id]));
    client.leave();
    expect((await refused(adminToken(setting, acme.id), { query: '?type=billing.*' })).status).toBe(400);
    expect((await refused(adminToken(setting, acme.id), { query: '?type=billing.>' })).status).toBe(400);
  });

  it('shows signs of life, and moves on past what concerns others', async () => {
    const client = await following(adminToken(setting, acme.id));
    const before = client.lastId();
    const foreign = await tell(globex.id, PAID, 1);
    await eventually(() => expect(client.lastId()).not.toBe(before));
    await eventually(() => expect(client.beats()).toBeGreaterThan(10));
    expect(client.told).toEqual([]);
    // The streams may forget the other's event now without a gap for this tenant.
    const stream = streamName(nats.namespace, 'billing');
    const { state } = await nats.manager.streams.info(stream);
    await nats.manager.streams.purge(stream, { seq: state.last_seq + 1 });
    const again = await following(adminToken(setting, acme.id), { lastEventId: client.lastId() });
    const next = await tell(acme.id, PAID, 2);
    await eventually(() => expect(again.ids()).toEqual([next.id]));
    expect(foreign.tenantid).toBe(globex.id);
    client.leave();
    again.leave();
  });

  it('does not hide a gap: a position whose events are gone is refused, and says what to do', async () => {
    const client = await following(adminToken(setting, acme.id));
    client.leave();
    const stream = streamName(nats.namespace, 'billing');
    await tell(acme.id, PAID, 1);
    const { state } = await nats.manager.streams.info(stream);
    await nats.manager.streams.purge(stream, { seq: state.last_seq + 1 });
    const { status, body } = await refused(adminToken(setting, acme.id), { lastEventId: client.lastId() });
    expect(status).toBe(410);
    expect(body).toMatchObject({
      code: 'feed-position-gone',
      status: 410,
      detail: expect.stringContaining('without Last-Event-ID'),
    });
  });

  it('does not take just anything for a position', async () => {
    for (const lastEventId of ['17', 'billing:1', `${'x'.repeat(3_000)}`])
      expect(await refused(adminToken(setting, acme.id), { lastEventId })).toMatchObject({
        status: 400,
        body: { code: 'validation-failed', errors: [{ path: 'header.last-event-id' }] },
      });
    // Well formed, of a stream that never was.
    expect((await refused(adminToken(setting, acme.id), { lastEventId: 'nobody:1:1' })).status).toBe(410);
  });

  it('is not for members, and ends with its session', async () => {
    expect((await refused(memberToken(setting, acme.id))).status).toBe(403);
    const sessionId = newId('ses');
    const client = await following(setting.token(acme.id, { sessionId }));
    await setting.revoke(sessionId);
    await client.end;
    const consumers = async () => {
      const names: string[] = [];
      for await (const { name } of nats.manager.consumers.list(streamName(nats.namespace, 'billing'))) names.push(name);
      return names;
    };
    // Of this and of all feeds that were left before, nothing stays behind at NATS.
    await eventually(async () => expect(await consumers()).toEqual([]));
  });

  it('is as slow as its client: what that does not read stays with NATS, and nothing of it is lost', async () => {
    const client = await follow(adminToken(setting, acme.id));
    client.response.pause();
    const EVENTS = 600;
    const text = 'x'.repeat(60_000); // 36 MB: more than all buffers on the way hold
    for (let n = 0; n < EVENTS; n++) await tell(acme.id, PAID, n, { data: { text } });
    const stream = streamName(nats.namespace, 'billing');
    const delivered = async () => {
      for await (const info of nats.manager.consumers.list(stream)) return info.delivered.consumer_seq;
      return 0;
    };
    let before = -1;
    // Until it no longer moves on.
    await vi.waitFor(
      async () => {
        const now = await delivered();
        const stands = now > 0 && now === before;
        before = now;
        if (!stands) throw new Error(`at ${now}`);
      },
      { timeout: 30_000, interval: 500 },
    );
    expect(before).toBeLessThan(EVENTS - 100);
    client.read();
    client.response.resume();
    await eventually(() => expect(client.told).toHaveLength(EVENTS));
    expect(client.told.map(({ event }) => event.aggregateversion)).toEqual(Array.from({ length: EVENTS }, (_, n) => n));
    client.leave();
  }, 60_000);
});

describe('While NATS is killed and comes back', () => {
  it('the feed stays open and misses nothing; a new one is refused for the time being', async () => {
    const server = await openPrivateNats();
    const world = await openSetting({ natsUrl: server.url });
    const own = await connectNats({ url: server.url, name: 'feed-test', namespace: world.namespace });
    try {
      await ensureStream(own, 'billing');
      const tenant = await world.tenant();
      const { url } = await world.gateway({ EVENT_FEED_HEARTBEAT_MS: '100' });
      const client = await following(adminToken(world, tenant.id), { url });
      const sent = [(await tell(tenant.id, PAID, 0, {}, own)).id];
      await eventually(() => expect(client.ids()).toEqual(sent));
      await server.kill();
      const beats = client.beats();
      await eventually(() => expect(client.beats()).toBeGreaterThan(beats));
      expect(await refused(adminToken(world, tenant.id), { url })).toMatchObject({
        status: 503,
        body: { code: 'upstream-unavailable' },
      });
      await server.restart();
      for (let n = 1; n <= 5; n++) {
        const id = newId('evt');
        // The same event until NATS says that it has it: an answer may have been lost with the connection.
        await eventually(() => tell(tenant.id, PAID, n, { id }, own));
        sent.push(id);
      }
      await eventually(() => expect(client.ids()).toEqual(sent), 60_000);
      client.leave();
    } finally {
      await own.close();
      await world.close();
      await server.close();
    }
  }, 120_000);
});
