import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { newId } from '@tenantry/kernel/id.ts';
import { newTraceId } from '@tenantry/kernel/trace-parent.ts';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { openTracing } from '../test/open-tracing.ts';
import { registerTraceMetrics } from './trace-metrics.ts';
import type { Tracing } from './tracing.ts';

const clickhouseUrl = inject('clickhouseUrl');
const SPAN = '00f067aa0ba902b7';
const acme = newId('ten');

describe.skipIf(clickhouseUrl === '')('Of what nobody asked to be recorded', () => {
  const namespace = randomBytes(5).toString('hex');
  let tracing: Tracing;
  beforeAll(() => {
    tracing = openTracing({ service: 'billing', clickhouseUrl, namespace, slowMs: 60_000 });
  });
  afterAll(() => tracing.close());

  /** A request with one statement; answers what is kept of it. */
  async function handle(
    flags: string,
    options: { readonly isBroken?: 'request' | 'statement'; readonly by?: Tracing } = {},
  ) {
    const by = options.by ?? tracing;
    const traceId = newTraceId();
    const request = by.begin(`00-${traceId}-${SPAN}-${flags}`, { name: 'GET /x', kind: 'server', tenantId: acme });
    const statement = request.child({ name: 'read', kind: 'client' });
    if (options.isBroken === 'statement') statement.fail('ECONNRESET');
    statement.end();
    if (options.isBroken === 'request') request.fail('500');
    request.end();
    await by.flush();
    return (await tracing.store.read(acme, traceId, 10)).map(({ name, error }) => `${name} ${error ?? 'ok'}`);
  }

  it('what went well is not kept, and of what was asked for everything', async () => {
    expect(await handle('00')).toEqual([]);
    expect((await handle('01')).toSorted()).toEqual(['GET /x ok', 'read ok']);
  });

  it('what failed is kept whole, also where only a step of it failed', async () => {
    expect((await handle('00', { isBroken: 'request' })).toSorted()).toEqual(['GET /x 500', 'read ok']);
    expect((await handle('00', { isBroken: 'statement' })).toSorted()).toEqual(['GET /x ok', 'read ECONNRESET']);
  });

  it('what took long is kept', async () => {
    const impatient = openTracing({ service: 'billing', clickhouseUrl, namespace, slowMs: 0 });
    expect(await handle('00', { by: impatient })).toHaveLength(2);
    await impatient.close();
  });

  it('so much is kept in a second and the rest counted: an outage is not written down a thousand times', async () => {
    const busy = openTracing({ service: 'users', clickhouseUrl, namespace });
    vi.useFakeTimers({ toFake: ['performance'] });
    for (let i = 0; i < 500; i++) {
      const span = busy.begin(undefined, { name: 'GET /down', kind: 'server', tenantId: acme });
      span.fail('503');
      span.end();
    }
    vi.useRealTimers();
    await busy.flush();
    expect(busy.counts).toEqual([{ output: 'clickhouse', sent: 20, dropped: 0 }]);
    expect(busy.leftOut).toBe(480);
    await busy.close();
  });
});

describe('A collector', () => {
  it('gets the same, also where there is no ClickHouse', async () => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push(gunzipSync(Buffer.concat(chunks)).toString());
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const collector = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const tracing = openTracing({ service: 'billing', clickhouseUrl: '', namespace: 'x', ratio: 1, collector });
    const span = tracing.begin(undefined, { name: 'GET /x', kind: 'server' });
    span.end();
    await tracing.flush();
    expect(bodies).toHaveLength(1);
    expect(bodies[0]).toContain(`"spanId":"${span.spanId}"`);
    expect(tracing.counts).toEqual([{ output: 'otlp', sent: 1, dropped: 0 }]);
    await tracing.close();
    server.close();
  });
});

describe('While ClickHouse is away', () => {
  it('nothing that is traced notices, and what is lost is counted in the metrics', async () => {
    const tracing = openTracing({ service: 'billing', clickhouseUrl: 'http://127.0.0.1:1', namespace: 'x', ratio: 1 });
    const registry = new Registry();
    registerTraceMetrics(registry, tracing);
    for (let i = 0; i < 10_000; i++) tracing.begin(undefined, { name: 'GET /x', kind: 'server' }).end();
    await tracing.close();
    const text = await registry.metrics();
    expect(text).toContain('trace_spans_total{output="clickhouse",outcome="sent"} 0');
    expect(text).toContain('trace_spans_total{output="clickhouse",outcome="dropped"} 10000');
  });

  it('nobody is asked to record for one who has nowhere to put it', () => {
    const tracing = openTracing({ service: 'billing', clickhouseUrl: '', namespace: 'x', ratio: 1 });
    expect(tracing.sampler.chooses(newTraceId())).toBe(false);
    expect(tracing.isRemarkable()).toBe(false);
  });
});
