import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { event } from '@tenantry/contract/event.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { askJetStream } from '../ask-jetstream.ts';
import { startConsumers } from '../consumer.ts';
import { emit } from '../emit.ts';
import { startOutboxRelay } from '../outbox-relay.ts';
import { on } from '../subscription.ts';
import { newSubject, openTestEvents } from './open-test-events.ts';
import { openPrivateNats } from './private-nats.ts';

const noteWritten = event('users.note.written.v1', Type.Object({ n: Type.Integer(), text: Type.String() }));
const DISK_BYTES = 24 * 2 ** 20;
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

/** A disk of a test's own, where this user may mount one; null elsewhere. */
function mountSmallDisk(): { readonly folder: string; readonly unmount: () => void } | null {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tenantry-test', folder]);
  const unmount = (): void => {
    if (mounted.status === 0) spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  if (mounted.status === 0) return { folder, unmount };
  unmount();
  return null;
}

const disk = mountSmallDisk();
afterAll(() => disk?.unmount());

describe.skipIf(disk === null)('When the disk of NATS is full', () => {
  it('commits go on, health says so, and with room again and a server started anew all events arrive once, in order', async () => {
    const server = await openPrivateNats(undefined, disk?.folder);
    const world = await openTestEvents(server.url);
    const { databases, nats } = world;
    const handled = new Map<string, number[]>();
    const relay = startOutboxRelay({ service: 'users', pool: databases.workerPool, nats, onError: () => undefined });
    const consumers = await startConsumers({
      ...{ service: 'users', nats, withTenant: databases.withTenant, pool: databases.workerPool },
      subscriptions: [
        on(noteWritten, async (_uow, { subject, data }) => {
          handled.set(subject, [...(handled.get(subject) ?? []), data.n]);
        }),
      ],
      onError: () => undefined,
    });
    const [tenant, subjects] = [newId('ten'), upTo(3).map(newSubject)];
    const tellAll = async (n: number): Promise<void> => {
      for (const subject of subjects)
        await databases.withTenant(tenant, (uow) =>
          emit(uow, noteWritten, { subject, version: n, data: { n, text: 'x'.repeat(20_000) } }),
        );
    };
    const filler = join(disk?.folder ?? '', 'filler');
    try {
      await askJetStream(nats);
      expect(await server.isWell()).toBe(true);
      await tellAll(1);
      await eventually(() => expect(subjects.map((subject) => handled.get(subject))).toEqual([[1], [1], [1]]));
      fill(filler);
      for (const n of upTo(41).slice(1)) await tellAll(n);
      await eventually(() => expect(askJetStream(nats)).rejects.toThrow(), 20_000);
      expect(await server.isWell()).toBe(false);
      // Every time that the launcher starts it again; and there is no more room than before.
      await server.kill();
      await server.restart();
      await tellAll(42);
      rmSync(filler);
      await eventually(async () => {
        if (!(await server.isWell())) {
          await server.kill();
          await server.restart();
        }
        for (const subject of subjects) expect(handled.get(subject)?.at(-1)).toBe(42);
      }, 60_000);
      for (const subject of subjects) expect(handled.get(subject)).toEqual(upTo(42));
      await askJetStream(nats);
    } finally {
      await Promise.all([consumers.stop(), relay.stop()]);
      await world.close();
      await server.close();
    }
  }, 150_000);
});

/** To the last byte. */
function fill(file: string): void {
  try {
    writeFileSync(file, Buffer.alloc(DISK_BYTES));
  } catch {
    // That is what full means.
  }
}
