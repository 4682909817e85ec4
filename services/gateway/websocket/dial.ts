import type { ClientRequestArgs, IncomingMessage } from 'node:http';
import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamTimeout } from '@tenantry/kernel/problems.ts';
import { WebSocket } from 'ws';
import type { Exchange } from '../edge/exchange.ts';
import { refusalOf } from '../upstreams/failure.ts';
import type { Instance } from '../upstreams/instance.ts';
import { unanswered } from '../upstreams/unanswered.ts';
import type { Destination } from './destination.ts';

/** Either the other side of the WebSocket, or what it answered instead of opening one. */
export type Dialled =
  | { readonly service: WebSocket; readonly refusal: null }
  | { readonly service: null; readonly refusal: { readonly answer: IncomingMessage; readonly instance: Instance } };

export type DialOptions = {
  readonly destination: Destination;
  readonly exchange: Pick<Exchange, 'isOver' | 'onOver' | 'instanceId'>;
  readonly protocols: readonly string[];
  readonly maxMessageBytes: number;
};

/** Whether any connection has stood, by which the other side may have heard of it. */
type Progress = { mayHaveActed: boolean; readonly onBegun: (() => void) | null };

const MAX_ATTEMPTS = 3;
/** What a request line can carry. It goes out as it is: made into a URL first, it could come to mean another path. */
const PATH = /^\/[\x21-\x7e]*$/;

/** Opens the far side first: only then is it known what to tell the client. Where nobody listens, others are asked. */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { destination, exchange } = options;
  const { cluster, balanceBy, timeoutMs } = destination;
  const tried: Instance[] = [];
  const untilMs = cluster.monotonicMs() + timeoutMs;
  let cause: unknown = null;
  const progress: Progress = { mayHaveActed: false, onBegun: destination.onBegun ?? null };
  for (let attempt = 0; attempt < MAX_ATTEMPTS && !exchange.isOver; attempt++) {
    const instance = cluster.group().pick(tried, balanceBy);
    if (instance === undefined) break;
    tried.push(instance);
    const permit = instance.acquire();
    if (permit === null) continue;
    const startedAtMs = cluster.monotonicMs();
    const elapsedMs = (): number => cluster.monotonicMs() - startedAtMs;
    try {
      const dialled = await open(instance, options, untilMs - startedAtMs, progress);
      const status = dialled.refusal?.answer.statusCode ?? 101;
      instance.succeed(permit, elapsedMs());
      cluster.group().judge(instance, status >= 500);
      // Of a service of ours a 503 speaks of others that it depends on.
      cluster.observe?.(status >= 500, status === 500, elapsedMs());
      exchange.instanceId = instance.record.instanceId;
      return dialled;
    } catch (error) {
      cause = error;
      const refusal = refusalOf(error);
      if (exchange.isOver) instance.abandon(permit, elapsedMs());
      else {
        instance.fail(permit, elapsedMs(), refusal);
        cluster.group().judge(instance, true);
        cluster.observe?.(true, true, elapsedMs(), error);
      }
      if (refusal === null) break; // it may have begun something
    }
  }
  if (!progress.mayHaveActed) destination.onNeverSent?.();
  if (cause instanceof Problem) throw cause;
  throw unanswered(cluster, tried, { cause, wasSent: progress.mayHaveActed });
}

function open(
  instance: Instance,
  { destination, exchange, protocols, maxMessageBytes }: DialOptions,
  timeoutMs: number,
  progress: Progress,
): Promise<Dialled> {
  const { path, headers } = destination;
  if (!PATH.test(path)) throw new Error('A path that is no request target cannot be asked for.');
  const service = new WebSocket(instance.record.url.replace(/^http/, 'ws'), [...protocols], {
    headers: toFields(headers),
    maxPayload: maxMessageBytes,
    // Compressed, a small message may become a large one, and every connection would hold a window of memory.
    perMessageDeflate: false,
    followRedirects: false,
    ...connectionOf(instance, progress),
    finishRequest: (request) => {
      request.path = path;
      request.end();
    },
  });
  exchange.onOver = () => service.terminate();
  return new Promise((resolve, reject) => {
    // Its own timeout counts silence only: whoever sends a byte now and then would be waited for without end.
    const timer = setTimeout(() => {
      reject(upstreamTimeout(`${destination.cluster.label} did not answer in time.`));
      service.terminate();
    }, timeoutMs);
    const settle = (dialled: Dialled): void => {
      clearTimeout(timer);
      resolve(dialled);
    };
    service.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    service.once('unexpected-response', (_request, answer) => settle({ service: null, refusal: { answer, instance } }));
    // Nothing may come in between, or the service's first message would find nobody: see `WebSockets.open`.
    service.once('open', () => {
      service.pause();
      settle({ service, refusal: null });
    });
  });
}

function begin(progress: Progress): void {
  progress.mayHaveActed = true;
  progress.onBegun?.();
}

/** By the way that requests take to this instance, and its guard, where it has one of its own. */
function connectionOf({ connect, record }: Instance, progress: Progress): Pick<ClientRequestArgs, 'createConnection'> {
  if (connect === null) {
    // Then nobody tells us when the connection stands.
    begin(progress);
    return {};
  }
  const { protocol, host, hostname, port } = new URL(record.url);
  const address = { protocol, host, hostname: hostname.replace(/^\[|\]$/g, ''), port };
  return {
    createConnection: (_options, onCreated) => {
      connect(address, (error, socket) => {
        if (error === null && socket !== null) {
          begin(progress);
          onCreated(null, socket);
        }
        // Where there is an error Node looks at nothing else, but its types want a socket.
        else onCreated(error ?? new Error('There is no connection.'), undefined as never);
      });
      return undefined;
    },
  };
}

/** Names that are the handshake's own are written by `ws`. */
function toFields(pairs: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = 0; i < pairs.length; i += 2) {
    const [name = '', value = ''] = pairs.slice(i, i + 2);
    if (name.startsWith('sec-websocket-')) continue;
    const earlier = fields[name];
    // RFC 9110 §5.3, and RFC 6265 §5.4 for cookies.
    fields[name] = earlier === undefined ? value : `${earlier}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return fields;
}
