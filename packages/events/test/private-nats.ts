import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedServer } from '@tenantry/deploy/embedded/embedded-server.ts';
import { startNats } from '@tenantry/deploy/embedded/nats.ts';
import type { ServerProgram } from '@tenantry/deploy/embedded/server-programs.ts';
import { steadyPort } from '../../../tests/support/steady-port.ts';
import { natsProgram, serversDir } from './nats-under-test.ts';

/**
 * A server of a test's own, because it is killed. It comes back on the same port, with the files that it left.
 * @param where on a disk of the test's own
 */
export async function openPrivateNats(token?: string, where = tmpdir()) {
  const folder = mkdtempSync(join(where, 'tenantry-nats-'));
  let program = natsProgram();
  const start = (at: number): Promise<EmbeddedServer> =>
    startNats({
      dataDir: join(folder, 'data'),
      logFile: join(folder, 'log'),
      serversDir,
      ...(program === undefined ? {} : { program }),
      port: at,
      ...(token === undefined ? {} : { token }),
    });
  const port = await steadyPort();
  let server = await start(port);
  const { url } = server;
  return {
    url,
    dataDir: join(folder, 'data'),
    async kill(): Promise<void> {
      process.kill(-server.pid, 'SIGKILL');
      await server.exited;
    },
    isWell: async () => (await server.isWell?.()) ?? false,
    async restart(): Promise<void> {
      server = await start(port);
    },
    /** The same files and port, another program; undefined for what machines have. */
    async becomes(next: ServerProgram | undefined): Promise<void> {
      await server.stop();
      program = next;
      server = await start(port);
    },
    /** What a lost volume looks like. */
    loseFiles(): void {
      rmSync(join(folder, 'data'), { recursive: true, force: true });
    },
    async close(): Promise<void> {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
