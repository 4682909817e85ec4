import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { connectNats, type Nats } from '../nats.ts';
import { openStateWriter, watchState } from '../pushed-state.ts';
import { openRevisedBucket } from '../revised-bucket.ts';
import { openPrivateNats } from './private-nats.ts';

const TOKEN = 'a_token-1';
let server: Awaited<ReturnType<typeof openPrivateNats>>;
let folder: string;
let count = 0;
let bucket: { bucket: string };
let snapshotFile: string;
beforeAll(async () => {
  server = await openPrivateNats(TOKEN);
  folder = await mkdtemp(join(tmpdir(), 'tenantry-late-'));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  bucket = { bucket: `late${++count}` };
  snapshotFile = join(folder, `${count}.json`);
});

const connectSoon = (token = TOKEN, onError?: (error: unknown) => void): Promise<Nats> =>
  connectNats({
    url: server.url,
    name: 'soon',
    namespace: '',
    token,
    patienceMs: 200,
    ...(onError === undefined ? {} : { onError }),
  });
const whileAway = async (story: () => Promise<void>): Promise<void> => {
  await server.kill();
  try {
    await story();
  } finally {
    await server.restart();
  }
};

describe('A process that starts without NATS', { timeout: 30_000 }, () => {
  it('goes on after its patience, is refused what needs NATS, and is connected when NATS comes', async () => {
    const complaints = vi.fn();
    let nats: Nats | undefined;
    await whileAway(async () => {
      nats = await connectSoon(TOKEN, complaints);
      expect(nats.isConnected()).toBe(false);
      const late = nats;
      expect(() => late.connection).toThrow('NATS has not been reached yet');
      await expect(openRevisedBucket(nats, bucket).get('key')).rejects.toMatchObject({
        kind: { code: 'upstream-unavailable' },
        retryAfterSeconds: 1,
      });
      // Once, however often it is tried.
      await eventually(() => expect(complaints).toHaveBeenCalledTimes(1));
    });
    await nats?.connected;
    expect(nats?.isConnected()).toBe(true);
    expect(complaints).toHaveBeenCalledTimes(1);
    await nats?.connection.flush();
    await nats?.close();
  });

  it('knows what its snapshot says, never calls it fresh, and follows as soon as NATS is there', async () => {
    const before = await connectSoon();
    const writer = await openStateWriter<string>(before, bucket);
    await writer.put('a', 'A');
    await (await watchState<string>(before, { ...bucket, snapshotFile })).close();
    let nats: Nats | undefined;
    let state: Awaited<ReturnType<typeof watchState<string>>> | undefined;
    await whileAway(async () => {
      nats = await connectSoon();
      state = await watchState<string>(nats, { ...bucket, snapshotFile });
      expect([state.isKnown(), state.get('a'), await state.refresh('b')]).toEqual([true, 'A', undefined]);
      expect(state.silentForMs()).toBe(Number.POSITIVE_INFINITY);
    });
    await eventually(() => before.connection.flush());
    await writer.put('b', 'B');
    await eventually(() => expect(state?.get('b')).toBe('B'));
    await eventually(() => expect(state?.silentForMs()).toBeLessThan(30_000));
    await state?.close();
    await nats?.close();
    await before.close();
  });

  it('without a snapshot says that it knows nothing, and leaves none that says otherwise', async () => {
    await whileAway(async () => {
      for (let start = 0; start < 2; start++) {
        const nats = await connectSoon();
        const state = await watchState<string>(nats, { ...bucket, snapshotFile });
        expect([state.isKnown(), state.entries().size]).toEqual([false, 0]);
        await state.close();
        await nats.close();
      }
    });
    const nats = await connectSoon();
    const state = await watchState<string>(nats, { ...bucket, snapshotFile });
    // An empty bucket is known to be empty.
    expect([state.isKnown(), state.entries().size]).toEqual([true, 0]);
    await state.close();
    await nats.close();
  });

  it('does not start where NATS refuses it, but goes on where that comes out later', async () => {
    await expect(connectSoon('wrong')).rejects.toThrow(/Authorization Violation/i);
    const complaints = vi.fn();
    let nats: Nats | undefined;
    await whileAway(async () => {
      nats = await connectSoon('wrong', complaints);
    });
    await eventually(() =>
      expect(complaints.mock.calls.map(([error]) => String(error))).toContainEqual(
        expect.stringMatching(/Authorization Violation/i),
      ),
    );
    expect(nats?.isConnected()).toBe(false);
    await nats?.close();
  });
});
