import type { IncomingMessage } from 'node:http';
import { upstreamTimeout, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { toClientHeaders } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { sendWhole } from '../edge/send.ts';
import type { Instance } from '../upstreams/instance.ts';
import type { Destination } from './destination.ts';

const MAX_BYTES = 65_536;

/** The other side answered as if it had been asked for a page: that is its answer, and the client's. */
export async function passOnRefusal(
  exchange: Exchange,
  { cluster, reshaping, timeoutMs }: Destination,
  { answer, instance }: { readonly answer: IncomingMessage; readonly instance: Instance },
): Promise<void> {
  const bytes = await readWhole(answer, cluster.label, timeoutMs);
  const status = answer.statusCode ?? 502;
  const fields = reshaping?.headers(answer.headers, instance) ?? answer.headers;
  const body = reshaping?.mapsBody('GET', status, fields) === true ? reshaping.body(bytes) : bytes;
  sendWhole(exchange, status, toClientHeaders(fields, []), body);
}

async function readWhole(answer: IncomingMessage, label: string, timeoutMs: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = setTimeout(
    () => answer.destroy(upstreamTimeout(`${label} refused the connection and did not finish saying why.`)),
    timeoutMs,
  );
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BYTES) throw upstreamUnavailable(`${label} refused the connection at great length.`);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}
