import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { derivePassword, workerRole } from '@tenantry/databases/credentials.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openTestDatabases, type TestDatabases } from '../../databases/test/open-test-databases.ts';
import { startLeading } from '../leadership.ts';

let world: TestDatabases;
beforeAll(async () => {
  world = await openTestDatabases();
});
afterAll(() => world.close());

describe('A leader that hangs', () => {
  it('loses its place although its connections stand: the server hears nothing of it', async () => {
    const role = workerRole('users');
    const program = fileURLToPath(new URL('./hung-leader.ts', import.meta.url));
    const hung = fork(program, [world.serviceUrl, role, derivePassword(world.masterKey, role), 'test'], {
      execArgv: [],
    });
    const exited = once(hung, 'exit');
    let leads = 0;
    try {
      await once(hung, 'message');
      const other = startLeading(
        { pool: world.databases.workerPool, name: 'test', onError: () => undefined },
        async (_client, signal) => {
          leads++;
          await once(signal, 'abort');
        },
      );
      try {
        await eventually(() => expect(leads).toBe(1));
        expect(hung.exitCode).toBeNull();
      } finally {
        await other.stop();
      }
    } finally {
      hung.kill('SIGKILL');
      await exited;
    }
  });
});
