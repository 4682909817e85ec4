import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startChild } from './child.ts';
import type { EmbeddedServer, EmbeddedServerOptions } from './embedded-server.ts';
import { freePort } from './free-port.ts';
import { StartFailure } from './start-failure.ts';
import { tcpGreeting } from './tcp-greeting.ts';

/** This machine cannot run the embedded analytics engine; everything else can do without it. */
export class AnalyticsUnavailable extends StartFailure {}

const SERVER = fileURLToPath(new URL('clickhouse-server.ts', import.meta.url));
const ENGINE_UNAVAILABLE = 69;

/** Rejects with `AnalyticsUnavailable` where chDB has no build or does not load. */
export async function startClickHouse(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const port = options.port ?? (await freePort());
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  try {
    const child = await startChild({
      name: 'The ClickHouse engine',
      command: process.execPath,
      args: [SERVER, options.dataDir, String(port)],
      // chDB takes its zone from the environment, and each running query one of libuv's threads.
      env: { ...process.env, TZ: 'UTC', UV_THREADPOOL_SIZE: '10', NODE_OPTIONS: '' },
      logFile: options.logFile,
      ...(options.onSpawn === undefined ? {} : { onSpawn: options.onSpawn }),
      stopSignal: 'SIGTERM',
      readyTimeoutMs: 60_000,
      isReady: async () => (await tcpGreeting(port, 'GET /ping HTTP/1.0\r\n\r\n'))?.includes('Ok.') === true,
    });
    return { url: `http://127.0.0.1:${port}`, port, ...child };
  } catch (cause) {
    if (cause instanceof StartFailure && isUnavailable(cause)) {
      const reason = cause.logLines.at(-1) ?? cause.message;
      throw new AnalyticsUnavailable(`Analytics are unavailable on this machine: ${reason}`, [], { cause });
    }
    throw cause;
  }
}

/** The program said so, or the processor met an instruction it does not know. */
function isUnavailable(failure: StartFailure): boolean {
  return failure.exit?.code === ENGINE_UNAVAILABLE || failure.exit?.signal === 'SIGILL';
}
