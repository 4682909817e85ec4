import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedServer } from '@tenantry/deploy/embedded/embedded-server.ts';
import { startNats } from '@tenantry/deploy/embedded/nats.ts';
import { afterAll, beforeAll, describe } from 'vitest';
import { newerNats, serversDir, testOn } from './nats-under-test.ts';

const program = newerNats();

/** All that depends on how the server behaves, once more on the newer one: what is not switched on below 2.10 is here. */
const SUITES = {
  'bare-consumer': () => import('./bare-consumer.test.ts'),
  'bucket-watch': () => import('./bucket-watch.test.ts'),
  'consumer-restarts': () => import('./consumer-restarts.test.ts'),
  consumers: () => import('./consumers.test.ts'),
  'hear-everywhere': () => import('./hear-everywhere.test.ts'),
  'held-up': () => import('./held-up.test.ts'),
  'lost-deliveries': () => import('./lost-deliveries.test.ts'),
  'nats-outage': () => import('./nats-outage.test.ts'),
  'open-bucket': () => import('./open-bucket.test.ts'),
  'pushed-state': () => import('./pushed-state.test.ts'),
  redrive: () => import('./redrive.test.ts'),
  'removed-keys': () => import('./removed-keys.test.ts'),
  'revised-bucket': () => import('./revised-bucket.test.ts'),
  'server-features': () => import('./server-features.test.ts'),
  'shared-state': () => import('./shared-state.test.ts'),
  suspects: () => import('./suspects.test.ts'),
  'work-queue': () => import('./work-queue.test.ts'),
};

describe.skipIf(program === undefined)('On the newer NATS server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-newer-nats-'));
  let server: EmbeddedServer | undefined;
  beforeAll(async () => {
    if (program === undefined) return;
    server = await startNats({ dataDir: join(folder, 'data'), logFile: join(folder, 'log'), serversDir, program });
    testOn({ url: server.url, program });
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [name, load] of Object.entries(SUITES))
    describe(name, async () => {
      await load();
    });
});
