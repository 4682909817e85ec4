import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { CallingLink } from '@tenantry/link/calling-link.ts';
import { LinkFailure } from '@tenantry/link/link-failure.ts';
import { openLink } from '@tenantry/link/open-link.ts';
import { type Dispatcher, Pool } from 'undici';
import { summarize } from '../statistics.ts';
import {
  ANSWER,
  type CallerOrder,
  type CallerReport,
  type Certificates,
  cpuSeconds,
  HEADERS,
  PATH,
  type Ports,
  type Way,
} from './orders.ts';

/** Calls the answering process in one way at a time: a closed loop of so many callers, as the gateway's would be. */
const { ca, caller } = JSON.parse(process.argv[2] ?? '') as Certificates;
const ports = JSON.parse(process.argv[3] ?? '') as Ports;
const CONNECTIONS = 64;
const host = '127.0.0.1';
const tls = { ...caller, ca, servername: 'localhost' };

/** Calls once and says when the whole answer is there. */
type Call = (done: (status: number, body: string) => void) => void;

function overLink(link: CallingLink): Call {
  const request = { method: 'GET', path: PATH, headers: HEADERS, body: null } as const;
  return (done) => {
    const begun = link.send(
      { ...request, deadlineMs: Date.now() + 4_000 },
      {
        onAnswer: (status, _headers, body) => done(status, body.toString()),
        onFailure: (failure) => {
          throw failure;
        },
      },
    );
    if (begun instanceof LinkFailure) throw begun;
  };
}

function overPool(pool: Pool): Call {
  const request: Dispatcher.DispatchOptions = { method: 'GET', path: PATH, headers: [...HEADERS] };
  return (done) => {
    let status = 0;
    let body = '';
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: (_controller, chunk) => {
        body += chunk.toString();
      },
      onResponseEnd: () => done(status, body),
      onResponseError: (_controller, error) => {
        throw error;
      },
    };
    pool.dispatch(request, handler);
  };
}

async function openTlsLink(): Promise<CallingLink> {
  const socket = tlsConnect({ ...tls, host, port: ports['link, mutual TLS'] });
  await once(socket, 'secureConnect');
  return openLink(socket);
}

const poolOptions = { connections: CONNECTIONS, pipelining: 1 };
const calls: Readonly<Record<Way, Call>> = {
  link: overLink(await openLink(connect(ports.link, host))),
  'link, mutual TLS': overLink(await openTlsLink()),
  HTTP: overPool(new Pool(`http://${host}:${ports.HTTP}`, poolOptions)),
  'HTTPS, mutual TLS': overPool(
    new Pool(`https://${host}:${ports['HTTPS, mutual TLS']}`, { ...poolOptions, connect: tls }),
  ),
};

function run({ way, connections, seconds }: CallerOrder): Promise<CallerReport> {
  const call = calls[way];
  const latenciesMs: number[] = [];
  const startedCpu = cpuSeconds();
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1_000;
  const { promise, resolve } = Promise.withResolvers<CallerReport>();
  let running = connections;
  const next = (): void => {
    const atMs = performance.now();
    if (atMs >= untilMs) {
      running--;
      if (running > 0) return;
      const { p50, p99, count } = summarize(latenciesMs);
      const took = { seconds: (atMs - startedMs) / 1_000, cpuSeconds: cpuSeconds() - startedCpu };
      resolve({ calls: count, p50Ms: p50, p99Ms: p99, ...took });
      return;
    }
    call((status, body) => {
      if (status !== 200 || body !== ANSWER) throw new Error(`${way} answered ${status}: ${body}`);
      latenciesMs.push(performance.now() - atMs);
      next();
    });
  };
  for (let index = 0; index < connections; index++) next();
  return promise;
}

process.once('disconnect', () => process.exit());
process.on('message', (order: CallerOrder) => {
  void run(order).then((report) => process.send?.(report));
});
process.send?.('ready');
