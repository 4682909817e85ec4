import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { newId } from '@tenantry/kernel/id.ts';
import type { FinishedSpan } from '@tenantry/kernel/tracing/finished-span.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { createOtlpOutput } from './otlp-output.ts';

type Received = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: unknown };
type Refusal = { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A collector that first gives these refusals. */
async function openCollector(...refusals: Refusal[]) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body: unknown = JSON.parse(gunzipSync(Buffer.concat(chunks)).toString());
      received.push({ path: request.url ?? '', headers: request.headers, body });
      const refusal = refusals.shift();
      response.writeHead(refusal?.status ?? 200, { 'content-type': 'application/json', ...refusal?.headers });
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { received, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const tenantId = newId('ten');
const failed: FinishedSpan = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: 'a7ad6b7169203331',
  name: 'GET /v1/invoices',
  kind: 'server',
  startedAtUs: 1_763_805_600_123_456,
  durationUs: 2_500,
  error: '503',
  tenantId,
  attributes: { 'http.route': '/v1/invoices', 'http.response.status_code': 503, ratio: 0.5, isIt: true },
};
const first: FinishedSpan = {
  ...failed,
  spanId: 'a7ad6b7169203331',
  parentSpanId: '',
  kind: 'client',
  error: null,
  tenantId: null,
  attributes: {},
};
const output = (endpoint: string, headers = '') =>
  createOtlpOutput({ endpoint, headers, service: 'billing', instanceId: 'billing-1' });

describe('Spans for a collector', () => {
  // opentelemetry-proto, trace/v1/trace.proto in its JSON mapping (OTLP 1.x, "JSON Protobuf Encoding"): ids are
  // hexadecimal, 64-bit times are strings, kinds and status codes are numbers, keys are in lowerCamelCase.
  it('are OTLP/HTTP in JSON, gzipped, as the specification has it', async () => {
    const collector = await openCollector();
    const to = output(`${collector.endpoint}/`, 'api-key=a=b, x-team = billing');
    await to.send([failed, first]);
    await to.close();
    const [{ path, headers, body } = { path: '', headers: {}, body: null }] = collector.received;
    expect(path).toBe('/v1/traces');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'content-encoding': 'gzip',
      'api-key': 'a=b',
      'x-team': 'billing',
    });
    expect(body).toMatchObject({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: 'billing' } },
              { key: 'service.namespace', value: { stringValue: 'tenantry' } },
              { key: 'service.instance.id', value: { stringValue: 'billing-1' } },
            ],
          },
          scopeSpans: [
            {
              scope: { name: 'tenantry' },
              spans: [
                {
                  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
                  spanId: '00f067aa0ba902b7',
                  parentSpanId: 'a7ad6b7169203331',
                  name: 'GET /v1/invoices',
                  kind: 2,
                  startTimeUnixNano: '1763805600123456000',
                  endTimeUnixNano: '1763805600125956000',
                  status: { code: 2, message: '503' },
                  attributes: [
                    { key: 'http.route', value: { stringValue: '/v1/invoices' } },
                    { key: 'http.response.status_code', value: { intValue: 503 } },
                    { key: 'ratio', value: { doubleValue: 0.5 } },
                    { key: 'isIt', value: { boolValue: true } },
                    { key: 'tenantry.tenant.id', value: { stringValue: tenantId } },
                    { key: 'error.type', value: { stringValue: '503' } },
                  ],
                },
                { spanId: 'a7ad6b7169203331', kind: 3, status: { code: 0 }, attributes: [] },
              ],
            },
          ],
        },
      ],
    });
    expect(JSON.stringify(body)).not.toContain('"parentSpanId":""');
  });

  it('are sent again after the time that a busy collector names', async () => {
    const collector = await openCollector({ status: 503, headers: { 'retry-after': '1' } });
    const to = output(collector.endpoint);
    const startedAtMs = performance.now();
    await to.send([failed]);
    await to.close();
    expect(collector.received).toHaveLength(2);
    expect(collector.received[1]?.body).toEqual(collector.received[0]?.body);
    expect(performance.now() - startedAtMs).toBeGreaterThan(900);
  });

  it('are not sent again where that would not help', async () => {
    const collector = await openCollector({ status: 400 });
    const to = output(collector.endpoint);
    await expect(to.send([failed])).rejects.toThrow();
    await to.close();
    expect(collector.received).toHaveLength(1);
  });
});
