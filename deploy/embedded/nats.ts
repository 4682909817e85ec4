import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from './child.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { freePort } from './free-port.ts';
import { jetStreamAnswers } from './jetstream-answers.ts';
import { isOlder, keepFromOlder, natsVersion } from './nats-version.ts';
import { findServers } from './packages.ts';
import { writePrivateFile } from './private-file.ts';
import type { ServerProgramOptions } from './server-programs.ts';
import { tcpGreeting } from './tcp-greeting.ts';

export type NatsOptions = ServerProgramOptions & {
  /** Asked of everybody who connects; without one the server is open to this machine. */
  readonly token?: string;
};

export async function startNats(options: NatsOptions): Promise<EmbeddedServer> {
  const program = options.program ?? (await findServers(options)).nats;
  const port = options.port ?? (await freePort());
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const version = await natsVersion(program.command);
  keepFromOlder(options.dataDir, version);
  const child = await startChild({
    name: 'NATS',
    command: program.command,
    args: [
      ...['--jetstream', '--addr', '127.0.0.1', '--port', String(port), '--store_dir', options.dataDir],
      ...['--config', configuration(options, version)],
    ],
    env: { ...process.env, ...program.env },
    logFile: options.logFile,
    ...(options.onSpawn === undefined ? {} : { onSpawn: options.onSpawn }),
    stopSignal: 'SIGTERM',
    isReady: async () => hasJetStream(await tcpGreeting(port)),
  });
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    ...child,
    isWell: () => jetStreamAnswers(port, options.token),
  };
}

/**
 * Left to itself the server takes three quarters of what the disk has free when it starts for a limit that holds until it
 * ends: one that was started on a full disk would refuse everything, also when there is room again.
 */
const MOST_STORED_BYTES = 2 ** 40;

function configuration({ dataDir, token, tuning }: NatsOptions, version: string): string {
  // A relay forgets what was acknowledged. 2.9 can only be told to flush on a clock.
  const flushed = tuning === 'durable' && !isOlder(version, '2.10') ? ', sync_interval: always' : '';
  const authorization = token === undefined ? '' : `authorization { token: ${JSON.stringify(token)} }\n`;
  const text = `jetstream { max_file_store: ${MOST_STORED_BYTES}${flushed} }\n${authorization}`;
  const file = join(dataDir, 'nats.conf');
  // What is there is not written again: the disk may be full.
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writePrivateFile(file, text);
  return file;
}

/** NATS speaks first: `INFO {…}`, whose `jetstream` member says whether streams are up. */
function hasJetStream(greeting: string | undefined): boolean {
  return greeting?.startsWith('INFO ') === true && /"jetstream":\s*true/.test(greeting);
}
