import { mkdirSync } from 'node:fs';
import { startChild } from './child.ts';
import type { EmbeddedServer, Tuning } from './embedded-server.ts';
import { freePort } from './free-port.ts';
import { findServers } from './packages.ts';
import type { ServerProgramOptions } from './server-programs.ts';
import { tcpGreeting } from './tcp-greeting.ts';

const PERSISTENCE: Record<Tuning, readonly string[]> = {
  // The queue of notifications lives here between restarts; `noeviction` because a queue must refuse, never forget.
  durable: ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
  fast: ['--appendonly', 'no', '--save', ''],
};

export async function startRedis(options: ServerProgramOptions): Promise<EmbeddedServer> {
  const program = options.program ?? (await findServers(options)).redis;
  const port = options.port ?? (await freePort());
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const child = await startChild({
    name: 'Redis',
    command: program.command,
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', options.dataDir],
      ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no'],
      ...PERSISTENCE[options.tuning ?? 'durable'],
    ],
    env: { ...process.env, ...program.env },
    logFile: options.logFile,
    ...(options.onSpawn === undefined ? {} : { onSpawn: options.onSpawn }),
    stopSignal: 'SIGTERM',
    // While it still reads its files it answers -LOADING.
    isReady: async () => (await tcpGreeting(port, 'PING\r\n'))?.startsWith('+PONG') === true,
  });
  return { url: `redis://127.0.0.1:${port}`, port, ...child };
}
