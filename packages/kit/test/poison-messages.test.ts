import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeEnvelope, openTestEvents, type TestEvents } from '@tenantry/events/test/open-test-events.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { Recipe } from './poisonous-service.ts';

let world: TestEvents;
let dataDir: string;
beforeAll(async () => {
  world = await openTestEvents();
  dataDir = mkdtempSync(join(tmpdir(), 'tenantry-poison-'));
});
afterAll(async () => {
  rmSync(dataDir, { recursive: true, force: true });
  await world.close();
});

/** Starts the service again whenever it ends, as the launcher does. */
function keepRunning(recipe: Recipe) {
  const signals: (string | null)[] = [];
  let child: ChildProcess;
  let isStopping = false;
  const program = fileURLToPath(new URL('./poisonous-service.ts', import.meta.url));
  const running = (async () => {
    while (!isStopping) {
      child = spawn(process.execPath, [program], {
        env: { ...process.env, RECIPE: JSON.stringify(recipe) },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      if (!isStopping) signals.push(signal);
    }
  })();
  return {
    signals,
    async stop() {
      isStopping = true;
      child.kill('SIGKILL');
      await running;
    },
  };
}

describe.each(['kills', 'hangs'] as const)('A message whose handler %s the process', (poison) => {
  it('ends among the dead letters with that cause; all others are handled once, none is lost', async () => {
    const type = `users.${poison}.written.v1` as const;
    const tenant = newId('ten');
    const subjects = ['one', 'two', 'poisoned', 'three', 'four'].map((name) => `${poison} ${name}`);
    const labels: string[] = [];
    let poisonId = '';
    for (const version of [1, 2, 3, 4])
      for (const subject of subjects) {
        const isPoison = subject.endsWith('poisoned') && version === 2;
        const envelope = makeEnvelope(type, tenant, subject, version, { isPoison });
        if (isPoison) poisonId = envelope.id;
        else labels.push(`${subject} ${version}`);
        await world.publish(envelope);
      }
    const service = keepRunning({
      type,
      poison,
      databaseUrl: world.serviceUrl,
      redisUrl: inject('redisUrl'),
      natsUrl: inject('natsUrl'),
      masterKey: world.masterKey,
      namespace: world.namespace,
      dataDir,
    });
    const notes = async () =>
      (
        await world.sql<{ text: string }>('select text from users.notes where text like $1 order by id', [
          `${poison} %`,
        ])
      ).map(({ text }) => text);
    try {
      await eventually(async () => expect(await notes()).toHaveLength(labels.length), 100_000);
      // What comes now is handled at once, beside others: the process lives again.
      await world.publish(makeEnvelope(type, tenant, `${poison} later`, 1, { isPoison: false }));
      await eventually(async () => expect(await notes()).toHaveLength(labels.length + 1));
      expect((await notes()).toSorted()).toEqual([...labels, `${poison} later 1`].toSorted());
      for (const subject of subjects) {
        const own = (await notes()).filter((text) => text.startsWith(`${subject} `));
        expect(own, 'in the order of its aggregate').toEqual(own.toSorted());
      }
      const letters = await world.sql<{ id: string; cause: string; attempts: number }>(
        `select event ->> 'id' as id, cause, attempts from users.dead_letters where type = $1`,
        [type],
      );
      expect(letters).toEqual([
        { id: poisonId, attempts: 4, cause: expect.stringMatching(/^It killed or hung the process: 4 attempts/) },
      ]);
      expect(await world.sql('select 1 from users.event_attempts')).toEqual([]);
      // The first time nobody could know, the second it was noted among others; then three times alone.
      expect(service.signals).toEqual(Array.from({ length: 5 }, () => 'SIGKILL'));
    } finally {
      await service.stop();
    }
  }, 120_000);
});
