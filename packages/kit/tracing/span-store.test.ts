import { randomBytes } from 'node:crypto';
import { connectClickHouse } from '@tenantry/databases/clickhouse/connection.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { newSpanId, newTraceId } from '@tenantry/kernel/trace-parent.ts';
import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openSpanStore, type SpanStore } from './span-store.ts';

const url = inject('clickhouseUrl');
const WRITER = { service: 'billing', instanceId: 'billing-1' };
const [acme, globex] = [newId('ten'), newId('ten')];

const spanOf = (more: Partial<FinishedSpan>): FinishedSpan => ({
  traceId: newTraceId(),
  spanId: newSpanId(),
  parentSpanId: '',
  name: 'GET /v1/invoices',
  kind: 'server',
  startedAtUs: Date.now() * 1_000 + 123,
  durationUs: 1_500,
  error: null,
  tenantId: acme,
  attributes: {},
  ...more,
});

describe.skipIf(url === '')('The store of traces', () => {
  const namespace = randomBytes(5).toString('hex');
  let store: SpanStore;
  beforeAll(() => {
    store = openSpanStore({ url, namespace, retentionDays: 7 });
  });
  afterAll(async () => {
    await store.close();
    const connection = connectClickHouse({ url, database: `traces_${namespace}` });
    await connection.command(`drop database if exists traces_${namespace}`);
    await connection.close();
  });

  it('gives back what was written, in the order of its beginnings, one of each however often it was written', async () => {
    const first = spanOf({
      error: '503',
      attributes: { 'http.route': "/v1/it's \\ {x}\n", 'http.response.status_code': 503, isIt: true },
    });
    const second = spanOf({
      traceId: first.traceId,
      parentSpanId: first.spanId,
      startedAtUs: first.startedAtUs + 7,
      kind: 'client',
      name: 'später',
    });
    await store.write(WRITER, [second, first]);
    await store.write(WRITER, [second, first]);
    const { traceId, tenantId, ...shown } = first;
    const { traceId: _same, tenantId: _its, ...then } = second;
    for (const of of [acme, 'everybody'] as const)
      expect(await store.read(of, traceId, 100)).toEqual([
        { ...shown, service: 'billing' },
        { ...then, service: 'billing' },
      ]);
    expect(await store.read(tenantId ?? 'everybody', traceId, 1)).toHaveLength(1);
  });

  it('keeps tenants apart, also within one trace', async () => {
    const mine = spanOf({ name: 'mine' });
    const theirs = spanOf({ traceId: mine.traceId, tenantId: globex, name: 'theirs' });
    // Somebody who knows our ids and makes their own out of them changes nothing of ours.
    const forged = spanOf({ traceId: mine.traceId, spanId: mine.spanId, tenantId: globex, name: 'forged' });
    const nobodys = spanOf({ traceId: mine.traceId, tenantId: null, name: 'nobody’s' });
    await store.write(WRITER, [mine, theirs, forged, nobodys]);
    const names = async (of: Parameters<SpanStore['read']>[0]) =>
      (await store.read(of, mine.traceId, 100)).map(({ name }) => name).toSorted();
    expect(await names(acme)).toEqual(['mine']);
    expect(await names(globex)).toEqual(['forged', 'theirs']);
    expect(await names(newId('ten'))).toEqual([]);
    expect(await names('everybody')).toEqual(['forged', 'mine', 'nobody’s', 'theirs']);
  });

  it('forgets what is older than the setting says', async () => {
    const old = spanOf({ startedAtUs: (Date.now() - 8 * 86_400_000) * 1_000 });
    const recent = spanOf({ traceId: old.traceId, startedAtUs: (Date.now() - 6 * 86_400_000) * 1_000 });
    await store.write(WRITER, [old]);
    await store.write(WRITER, [recent]);
    const connection = connectClickHouse({ url, database: `traces_${namespace}` });
    try {
      // What its merges do by themselves, at a time of their own.
      await connection.command('optimize table spans final');
      await expect
        .poll(async () => (await store.read(acme, old.traceId, 10)).map(({ spanId }) => spanId), { timeout: 20_000 })
        .toEqual([recent.spanId]);
    } finally {
      await connection.close();
    }
  });

  it('makes its table again where the server was replaced by an empty one', async () => {
    const connection = connectClickHouse({ url, database: `traces_${namespace}` });
    await store.write(WRITER, [spanOf({})]);
    await connection.command(`drop database traces_${namespace}`);
    await connection.close();
    const span = spanOf({});
    await expect(store.write(WRITER, [span])).rejects.toThrow();
    await store.write(WRITER, [span]);
    expect(await store.read(acme, span.traceId, 10)).toHaveLength(1);
  });

  it('shortens what comes from outside, however long it is', async () => {
    const span = spanOf({ name: 'x'.repeat(5_000), attributes: { 'http.request.method': 'y'.repeat(5_000) } });
    await store.write(WRITER, [span]);
    const [stored] = await store.read(acme, span.traceId, 10);
    expect([stored?.name.length, String(stored?.attributes['http.request.method']).length]).toEqual([256, 256]);
  });
});

describe('Without a ClickHouse', () => {
  it.each(['', 'http://127.0.0.1:1'])('traces are unavailable, and when to come back is said (%j)', async (away) => {
    const store = openSpanStore({ url: away, namespace: 'x', retentionDays: 7 });
    await expect(store.read(acme, newTraceId(), 10)).rejects.toMatchObject({
      kind: { code: 'upstream-unavailable' },
      retryAfterSeconds: 5,
    });
    await store.close();
  });
});
