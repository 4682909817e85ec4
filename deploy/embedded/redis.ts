import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from './child.ts';
import type { EmbeddedServer, Tuning } from './embedded-server.ts';
import { freePort } from './free-port.ts';
import { findServers } from './packages.ts';
import { writePrivateFile } from './private-file.ts';
import type { ServerProgramOptions } from './server-programs.ts';
import { tcpGreeting } from './tcp-greeting.ts';

const PERSISTENCE: Record<Tuning, readonly string[]> = {
  // The queue of notifications lives here between restarts; `noeviction` because a queue must refuse, never forget.
  durable: ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
  fast: ['--appendonly', 'no', '--save', ''],
};

export type RedisOptions = ServerProgramOptions & {
  /** Asked of everybody who connects; without one the server is open to this machine. Letters, digits, `-` and `_`. */
  readonly password?: string;
};

/** `url` carries the password. */
export async function startRedis(options: RedisOptions): Promise<EmbeddedServer> {
  const program = options.program ?? (await findServers(options)).redis;
  const port = options.port ?? (await freePort());
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const child = await startChild({
    name: 'Redis',
    command: program.command,
    args: [
      ...configuration(options),
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', options.dataDir],
      ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no'],
      ...PERSISTENCE[options.tuning ?? 'durable'],
    ],
    env: { ...process.env, ...program.env },
    logFile: options.logFile,
    ...(options.onSpawn === undefined ? {} : { onSpawn: options.onSpawn }),
    stopSignal: 'SIGTERM',
    isReady: () => answers(port, options.password),
  });
  const user = options.password === undefined ? '' : `:${options.password}@`;
  return { url: `redis://${user}127.0.0.1:${port}`, port, ...child };
}

function configuration({ dataDir, password }: RedisOptions): readonly string[] {
  if (password === undefined) return [];
  const file = join(dataDir, 'redis.conf');
  writePrivateFile(file, `requirepass ${password}\n`);
  return [file];
}

/** While it still reads its files it answers -LOADING, but AUTH it answers even then. */
async function answers(port: number, password: string | undefined): Promise<boolean> {
  if (password === undefined) return (await tcpGreeting(port, 'PING\r\n'))?.startsWith('+PONG') === true;
  return (await tcpGreeting(port, `AUTH ${password}\r\nPING\r\n`))?.startsWith('+OK\r\n+PONG') === true;
}
