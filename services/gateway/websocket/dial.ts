import type { IncomingMessage } from 'node:http';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { WebSocket } from 'ws';
import type { Exchange } from '../edge/exchange.ts';
import { isRefusedConnection } from '../upstreams/failure.ts';
import type { Instance } from '../upstreams/instance.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

/** Either the service's side of the WebSocket, or what it answered instead of opening one. */
export type Dialled =
  | { readonly service: WebSocket; readonly refusal: null }
  | { readonly service: null; readonly refusal: IncomingMessage };

export type DialOptions = {
  readonly upstreams: Upstreams;
  readonly exchange: Exchange;
  readonly protocols: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly maxMessageBytes: number;
};

const MAX_ATTEMPTS = 3;
const HANDSHAKE_TIMEOUT_MS = 5_000;

/** Opens the service's side first: only then is it known what to tell the client. Where nobody listens, others are asked. */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { upstreams, exchange } = options;
  const service = exchange.route?.service ?? '';
  const tried: Instance[] = [];
  let cause: unknown = null;
  for (let attempt = 0; attempt < MAX_ATTEMPTS && !exchange.isOver; attempt++) {
    const instance = upstreams.pick(service, exchange.verified?.claims.tenantId ?? null, tried);
    if (instance === undefined) break;
    tried.push(instance);
    const permit = instance.acquire();
    if (permit === null) continue;
    const startedAtMs = upstreams.monotonicMs();
    const elapsedMs = (): number => upstreams.monotonicMs() - startedAtMs;
    try {
      const dialled = await open(instance, options);
      instance.succeed(permit, elapsedMs());
      exchange.instanceId = instance.record.instanceId;
      return dialled;
    } catch (error) {
      cause = error;
      const isRefused = isRefusedConnection(error);
      if (exchange.isOver) instance.abandon(permit, elapsedMs());
      else instance.fail(permit, elapsedMs(), isRefused);
      if (!isRefused) break; // it may have begun something
    }
  }
  throw upstreamUnavailable(`The ${service} service is unavailable right now. Try again shortly.`, {
    cause,
    retryAfterSeconds: 1,
  });
}

function open(instance: Instance, { exchange, protocols, headers, maxMessageBytes }: DialOptions): Promise<Dialled> {
  const { path, query } = exchange.target;
  const url = `${instance.record.url.replace(/^http/, 'ws')}${path}${query === '' ? '' : `?${query}`}`;
  const service = new WebSocket(url, [...protocols], {
    headers: { ...headers },
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: maxMessageBytes,
    // Compressed, a small message may become a large one, and every connection would hold a window of memory.
    perMessageDeflate: false,
    followRedirects: false,
  });
  exchange.onOver = () => service.terminate();
  return new Promise((resolve, reject) => {
    service.on('error', reject);
    service.once('unexpected-response', (_request, refusal) => resolve({ service: null, refusal }));
    // Nothing may come in between, or the service's first message would find nobody: see `WebSockets.open`.
    service.once('open', () => {
      service.pause();
      resolve({ service, refusal: null });
    });
  });
}
