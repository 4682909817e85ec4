import { mkdirSync } from 'node:fs';
import { startChild } from './child.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { freePort } from './free-port.ts';
import { findServers } from './packages.ts';
import type { ServerProgramOptions } from './server-programs.ts';
import { tcpGreeting } from './tcp-greeting.ts';

export async function startNats(options: ServerProgramOptions): Promise<EmbeddedServer> {
  const program = options.program ?? (await findServers(options)).nats;
  const port = options.port ?? (await freePort());
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const child = await startChild({
    name: 'NATS',
    command: program.command,
    args: ['--jetstream', '--addr', '127.0.0.1', '--port', String(port), '--store_dir', options.dataDir],
    env: { ...process.env, ...program.env },
    logFile: options.logFile,
    ...(options.onSpawn === undefined ? {} : { onSpawn: options.onSpawn }),
    stopSignal: 'SIGTERM',
    isReady: async () => hasJetStream(await tcpGreeting(port)),
  });
  return { url: `nats://127.0.0.1:${port}`, port, ...child };
}

/** NATS speaks first: `INFO {…}`, whose `jetstream` member says whether streams are up. */
function hasJetStream(greeting: string | undefined): boolean {
  return greeting?.startsWith('INFO ') === true && /"jetstream":\s*true/.test(greeting);
}
