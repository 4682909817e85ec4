import { KEYS_BUCKET, type PublishedKey } from '@tenantry/auth/buckets.ts';
import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPrivateNats } from '../../../packages/events/test/private-nats.ts';
import { openTokenKeys, type TokenKeys } from './token-keys.ts';

let server: Awaited<ReturnType<typeof openPrivateNats>>;
let connections: Nats[];
let publish: (kid: string) => Promise<unknown>;
let keys: TokenKeys;

beforeAll(async () => {
  server = await openPrivateNats();
  const namespace = `tk${newUuid().slice(-12)}`;
  const connect = () => connectNats({ url: server.url, name: 'token-keys-test', namespace });
  const [writing, reading] = [await connect(), await connect()];
  connections = [writing, reading];
  const bucket = await openStateWriter<PublishedKey>(writing, KEYS_BUCKET);
  publish = (kid) => bucket.put(kid, { kid, ...toPublicJwk(generateSigningKey(kid).publicKey) });
  keys = await openTokenKeys(reading, { snapshotFile: `/nonexistent/${namespace}` });
}, 60_000);
afterAll(async () => {
  await keys.close();
  for (const nats of connections) await nats.close();
  await server.close();
});

describe('The key of a token', () => {
  it('that was published a moment ago is found for everybody who brings it at once', async () => {
    await publish('new-key');
    const found = await Promise.all(Array.from({ length: 50 }, () => keys.fetch('new-key')));
    expect(found).toEqual(found.map(() => true));
    expect(keys.keyOf('new-key')).toBeDefined();
  });

  it('that nobody has published is not there, and is not looked for again at once', async () => {
    expect(await keys.fetch('nobody')).toBe(false);
    await publish('nobody');
    expect(await keys.fetch('nobody')).toBe(false);
    expect(await keys.fetch('../../keys/*')).toBe(false);
  });

  it('is not said to be missing where too many are looked up, or where NATS is gone', async () => {
    const outcome = (kid: string) => keys.fetch(kid).catch((error: { kind: { code: string } }) => error.kind.code);
    const madeUp = Array.from({ length: 50 }, (_, index) => outcome(`made-up-${index}`));
    const outcomes = await Promise.all([...madeUp, outcome('one-more')]);
    expect(new Set(outcomes)).toEqual(new Set([false, 'upstream-unavailable']));
    expect(outcomes.at(-1)).toBe('upstream-unavailable');
    await server.kill();
    // Also in the first moment, before anything has noticed.
    expect(await outcome('unheard-of')).toBe('upstream-unavailable');
  });
});
