import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EmbeddedServer } from '@tenantry/deploy/embedded/embedded-server.ts';
import { startNats } from '@tenantry/deploy/embedded/nats.ts';

/** A server of a test's own, because it is killed. It comes back on the same port, with the files that it left. */
/** @param where on a disk of the test's own */
export async function openPrivateNats(token?: string, where = tmpdir()) {
  const folder = mkdtempSync(join(where, 'tenantry-nats-'));
  const start = (port?: number): Promise<EmbeddedServer> =>
    startNats({
      dataDir: join(folder, 'data'),
      logFile: join(folder, 'log'),
      serversDir:
        process.env['TENANTRY_SERVERS_DIR'] ?? fileURLToPath(new URL('../../../.tenantry/servers', import.meta.url)),
      ...(port === undefined ? {} : { port }),
      ...(token === undefined ? {} : { token }),
    });
  let server = await start();
  const { url, port } = server;
  return {
    url,
    async kill(): Promise<void> {
      process.kill(-server.pid, 'SIGKILL');
      await server.exited;
    },
    isWell: async () => (await server.isWell?.()) ?? false,
    async restart(): Promise<void> {
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
