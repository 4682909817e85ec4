import { randomBytes } from 'node:crypto';
import { connectNats, type Nats } from '@tenantry/events/nats.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import { openRevisedBucket, type RevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openClientKey, sealClientKey } from '../products/client-certificate.ts';
import { recordKey, UPSTREAMS_BUCKET, type UpstreamRecord } from '../products/records.ts';
import { resealSecrets } from '../products/reseal-secrets.ts';
import { createSecretHeaders } from '../products/secret-headers.ts';

const [OLD, NEW] = ['ef'.repeat(32), '12'.repeat(32)];
const VALUE = 'Bearer shop-key';

let nats: Nats;
let bucket: RevisedBucket<UpstreamRecord>;
beforeAll(async () => {
  const namespace = `reseal${randomBytes(5).toString('hex')}`;
  nats = await connectNats({ url: inject('natsUrl'), name: 'reseal-test', namespace });
  bucket = openRevisedBucket<UpstreamRecord>(nats, UPSTREAMS_BUCKET);
});
afterAll(() => nats.close());

async function register(masterKey: string): Promise<string> {
  const place = { id: newId('ups'), tenantId: newId('ten') };
  const secrets = createSecretHeaders(masterKey);
  const secretHeaders = ['x-shop-key', 'authorization'].map((name) => secrets.seal(place, name, VALUE));
  const clientCertificate = { certificateChain: 'chain', sealedKey: sealClientKey(secrets, place, VALUE) };
  const record = { ...place, version: 3, secretHeaders, clientCertificate };
  await bucket.create(recordKey(place), record as unknown as UpstreamRecord);
  return recordKey(place);
}

const read = async (key: string): Promise<UpstreamRecord> => {
  const found = await bucket.get(key);
  if (found === null) throw new Error(`There is no ${key}.`);
  return found.value;
};
const openedWith = async (masterKey: string, key: string): Promise<readonly (string | null)[]> => {
  const record = await read(key);
  const secrets = createSecretHeaders(masterKey);
  return [...record.secretHeaders.map((header) => secrets.open(record, header)), openClientKey(secrets, record)];
};

it("gets upstreams' secrets under the current master key, whoever of several gateways does it first", async () => {
  const before = await register(OLD);
  const states = await Promise.all([
    watchState<UpstreamRecord>(nats, UPSTREAMS_BUCKET),
    watchState<UpstreamRecord>(nats, UPSTREAMS_BUCKET),
  ]);
  const errors: unknown[] = [];
  const secrets = createSecretHeaders(`${NEW},${OLD}`);
  expect(await openedWith(`${NEW},${OLD}`, before)).toEqual([VALUE, VALUE, VALUE]);
  for (const state of states) resealSecrets({ state, bucket, secrets, onError: (error) => errors.push(error) });
  // By a process that had not been told yet.
  const later = await register(OLD);
  for (const key of [before, later]) {
    await eventually(async () => expect(await openedWith(NEW, key)).toEqual([VALUE, VALUE, VALUE]));
    expect(await openedWith(OLD, key)).toEqual([null, null, null]);
    expect((await read(key)).version).toBe(3);
  }
  expect(errors).toEqual([]);
  // What neither key opens stays as it is: another key of its time may.
  const foreign = await register('34'.repeat(32));
  const mark = await register(OLD);
  await eventually(async () => expect(await openedWith(NEW, mark)).toEqual([VALUE, VALUE, VALUE]));
  expect(await openedWith('34'.repeat(32), foreign)).toEqual([VALUE, VALUE, VALUE]);
  await Promise.all(states.map((state) => state.close()));
});
