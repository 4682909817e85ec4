import type { IncomingMessage } from 'node:http';
import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import { toClientHeaders } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { sendWhole } from '../edge/send.ts';
import { upstreamAnswerInvalid } from '../problems.ts';
import type { Cluster } from '../upstreams/cluster.ts';
import type { Instance } from '../upstreams/instance.ts';
import { unanswered } from '../upstreams/unanswered.ts';
import type { Destination } from './destination.ts';

const MAX_BYTES = 65_536;

/** The other side answered as if it had been asked for a page: that is its answer, and the client's. */
export async function passOnRefusal(
  exchange: Exchange,
  { cluster, reshaping, timeoutMs }: Destination,
  { answer, instance }: { readonly answer: IncomingMessage; readonly instance: Instance },
): Promise<void> {
  const bytes = await readWhole(answer, cluster, timeoutMs);
  const status = answer.statusCode ?? 502;
  const fields = reshaping?.headers(answer.headers, instance) ?? answer.headers;
  const body = reshaping?.mapsBody('GET', status, fields) === true ? reshaping.body(bytes) : bytes;
  sendWhole(exchange, status, toClientHeaders(fields, []), body);
}

async function readWhole(answer: IncomingMessage, cluster: Cluster, timeoutMs: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const { label } = cluster;
  const timer = setTimeout(
    () => answer.destroy(upstreamTimeout(`${label} refused the connection and did not finish saying why.`)),
    timeoutMs,
  );
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BYTES) throw upstreamAnswerInvalid(`${label} refused the connection at great length.`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Problem ? error : unanswered(cluster, [], { cause: error, wasSent: true });
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks);
}
