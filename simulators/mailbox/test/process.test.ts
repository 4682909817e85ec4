import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('The process', () => {
  it.each(['SIGTERM', 'disconnect'])('becomes ready, and ends on %s', async (end) => {
    const port = await freePort();
    const environment: NodeJS.ProcessEnv = { ...process.env, PORT: String(port), SMTP_PORT: String(await freePort()) };
    delete environment['TENANTRY_DATA_DIR'];
    const child = fork(join(import.meta.dirname, '..', 'start.ts'), {
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined))?.status;
    await expect.poll(ready, { timeout: 15_000 }).toBe(200);
    const exited = once(child, 'exit');
    if (end === 'SIGTERM') child.kill('SIGTERM');
    else child.disconnect();
    const [code] = await exited;
    expect(code).toBe(0);
  });
});
