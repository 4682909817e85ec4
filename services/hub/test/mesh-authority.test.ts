import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { issuePassport, PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import { openCompareAndSet } from '@tenantry/events/compare-and-set.ts';
import { connectNats } from '@tenantry/events/nats.ts';
import { bucketName } from '@tenantry/events/subjects.ts';
import { newUuid, PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { proveKey } from '@tenantry/mesh/identity/proof.ts';
import { formatSpiffeId } from '@tenantry/mesh/identity/spiffe-id.ts';
import { openTrust } from '@tenantry/mesh/identity/trust.ts';
import { afterEach, expect, inject, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import type { MeshTrustView } from '../contract/mesh.ts';
import { ask, MASTER_KEY, newNamespace, openTestHub } from './hubs.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(namespace: string, environment: Readonly<Record<string, string>> = {}): Promise<RunningHub> {
  const hub = await openTestHub(namespace, {}, inject('natsUrl'), environment);
  closers.push(hub.close);
  return hub;
}

const trustOf = async (hub: RunningHub): Promise<MeshTrustView> =>
  (await ask(hub.url, 'GET', '/v1/mesh/trust')).body as MeshTrustView;
const ids = ({ roots }: MeshTrustView, state: string): string[] =>
  roots.filter((root) => root.state === state).map(({ id }) => id);

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

async function request(hub: RunningHub, namespace: string, more: Record<string, unknown> = {}) {
  const { publicKey, privateKey } = newKeys();
  const service = 'billing';
  const instanceId = String(more['instanceId'] ?? `billing-${newUuid()}`);
  const proven = proveKey(formatSpiffeId({ namespace, service, instanceId }), publicKey, privateKey);
  const answer = await ask(hub.url, 'POST', '/v1/mesh/certificates', {
    body: { service, instanceId, ...proven, ...more },
  });
  type Issued = { certificate: string; roots: { version: number; certificates: string[] } };
  return { ...answer, issued: answer.body as Issued, instanceId, publicKey };
}

it('Two hubs that start at one instant vouch with the same root, and so does one that comes later', async () => {
  const namespace = newNamespace();
  const [a, b] = await Promise.all([open(namespace), open(namespace)]);
  const trust = await trustOf(a);
  expect(trust.roots).toHaveLength(2);
  await eventually(async () => expect(await trustOf(b)).toEqual(trust));
  const c = await open(namespace);
  expect(await trustOf(c)).toEqual(trust);
  const vouching = trust.roots.find(({ state }) => state === 'vouching')?.certificate ?? '';
  for (const hub of [a, b, c]) {
    const { issued } = await request(hub, namespace);
    expect(new X509Certificate(issued.certificate).verify(new X509Certificate(vouching).publicKey)).toBe(true);
    expect(issued.roots.certificates.toSorted()).toEqual(trust.roots.map(({ certificate }) => certificate).toSorted());
  }
});

it('A certificate is for the key that was proven, names the process, and lasts an hour', async () => {
  const namespace = newNamespace();
  const { issued, instanceId, publicKey } = await request(await open(namespace), namespace);
  const certificate = new X509Certificate(issued.certificate);
  expect(certificate.subjectAltName).toBe(`URI:spiffe://tenantry/${namespace}/billing/${instanceId}`);
  expect(certificate.publicKey.equals(publicKey)).toBe(true);
  expect(certificate.ca).toBe(false);
  const lastsMs = certificate.validToDate.getTime() - Date.now();
  expect(lastsMs).toBeGreaterThan(3_500_000);
  expect(lastsMs).toBeLessThanOrEqual(3_600_000);
});

it('A service that comes with its passport gets its own, and nobody else’s', async () => {
  const namespace = newNamespace();
  const hub = await open(namespace);
  const key = instanceKey(MASTER_KEY, `billing-${newUuid()}`);
  const askAs = async (service: string): Promise<number> => {
    const { publicKey, privateKey } = newKeys();
    const instanceId = `${service}-${newUuid()}`;
    const proven = proveKey(formatSpiffeId({ namespace, service, instanceId }), publicKey, privateKey);
    const principal = servicePrincipal('billing', PLATFORM_TENANT_ID);
    const passport = issuePassport(key, principal, Math.floor(Date.now() / 1_000));
    const answer = await fetch(`${hub.url}/v1/mesh/certificates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [PASSPORT_HEADER]: passport },
      body: JSON.stringify({ service, instanceId, ...proven }),
    });
    await answer.body?.cancel();
    return answer.status;
  };
  expect(await askAs('billing')).toBe(200);
  expect(await askAs('gateway')).toBe(403);
});

it('Nobody gets one without the token of the house, without the key, or under another’s name', async () => {
  const namespace = newNamespace();
  const hub = await open(namespace);
  expect((await ask(hub.url, 'POST', '/v1/mesh/certificates', { token: 'wrong', body: {} })).status).toBe(401);
  const { publicKey } = await request(hub, namespace);
  const foreign = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  expect(await request(hub, namespace, { publicKey: foreign })).toMatchObject({
    status: 400,
    body: { code: 'validation-failed', errors: [{ path: '/proof' }] },
  });
  expect(await request(hub, namespace, { instanceId: `gateway-${newUuid()}` })).toMatchObject({
    status: 400,
    body: { errors: [{ path: '/instanceId' }] },
  });
});

it('The roots outlive every hub, with their keys', async () => {
  const namespace = newNamespace();
  const first = await open(namespace);
  const trust = await trustOf(first);
  await closers.pop()?.();
  const second = await open(namespace);
  expect(await trustOf(second)).toEqual(trust);
  expect((await request(second, namespace)).status).toBe(200);
});

it('The roots live through a change of the master key, and are made anew when their keys cannot be read', async () => {
  const namespace = newNamespace();
  const openWith = (masterKey: string) => open(namespace, { TENANTRY_MASTER_KEY: masterKey });
  const token = (masterKey: string) => ({ token: deriveClusterToken(masterKey) });
  const [next, other] = ['ef'.repeat(32), '01'.repeat(32)];
  const trust = await trustOf(await open(namespace));
  await closers.pop()?.();
  const trustWith = async (masterKey: string): Promise<MeshTrustView> => {
    const hub = await openWith(masterKey);
    const seen = (await ask(hub.url, 'GET', '/v1/mesh/trust', token(masterKey))).body as MeshTrustView;
    await closers.pop()?.();
    return seen;
  };
  expect(await trustWith(`${next},${MASTER_KEY}`)).toEqual(trust);
  // Sealed anew by then: the one before is not needed any more.
  expect(await trustWith(next)).toEqual(trust);
  const anew = await trustWith(other);
  expect(anew.roots).toHaveLength(2);
  for (const { id } of trust.roots) expect(anew.roots.map((root) => root.id)).not.toContain(id);
});

it('Where they lie, no key can be read', async () => {
  const namespace = newNamespace();
  await open(namespace);
  const nats = await connectNats({ url: inject('natsUrl'), name: 'reader', namespace });
  closers.push(() => nats.close());
  for (const bucket of ['mesh-authority', 'mesh-trust']) {
    const kept = await openCompareAndSet<unknown>(nats, bucket);
    const keys = await kept.keys('>');
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(JSON.stringify(await kept.get(key))).not.toContain('PRIVATE KEY');
  }
});

it('A rotation at one hub counts at all, keeps what was vouched for, and is pushed to everybody', async () => {
  const namespace = newNamespace();
  const quick = { MESH_CERTIFICATE_SECONDS: '2' };
  const [a, b] = await Promise.all([open(namespace, quick), open(namespace, quick)]);
  const nats = await connectNats({ url: inject('natsUrl'), name: 'reader', namespace });
  closers.push(() => nats.close());
  const trust = await openTrust(nats);
  closers.push(trust.close);
  const before = await trustOf(a);
  const [vouching] = ids(before, 'vouching');
  const [next] = ids(before, 'next');
  // Not before everybody has heard of it.
  const early = await ask(a.url, 'POST', '/v1/mesh/roots/rotate');
  if (early.status !== 200) expect(early).toMatchObject({ status: 409, body: { code: 'root-too-young' } });
  await eventually(async () => {
    const [now] = ids(await trustOf(a), 'vouching');
    if (now !== next) expect((await ask(a.url, 'POST', '/v1/mesh/roots/rotate')).status).toBe(200);
    expect(ids(await trustOf(a), 'vouching')).toEqual([next]);
  });
  await eventually(async () => expect(ids(await trustOf(b), 'vouching')).toEqual([next]));
  const after = await trustOf(b);
  expect(ids(after, 'retired')).toEqual([vouching]);
  expect(after.roots.find(({ id }) => id === next)?.calledBy).toBe('cluster');
  await eventually(() => expect(trust.roots().certificates).toHaveLength(3));
  // Until what it had signed has expired.
  await eventually(async () => expect(ids(await trustOf(b), 'retired')).toEqual([]));
  await eventually(() => expect(trust.roots().certificates).toHaveLength(2));
});

it('Roots change by the schedule too, once for all hubs', async () => {
  const namespace = newNamespace();
  const quick = { MESH_CERTIFICATE_SECONDS: '2', MESH_ROOT_HOURS: String(4 / 3_600) };
  const [a, b] = await Promise.all([open(namespace, quick), open(namespace, quick)]);
  const before = await trustOf(a);
  await eventually(async () => expect(ids(await trustOf(a), 'vouching')).toEqual(ids(before, 'next')));
  await eventually(async () => expect(await trustOf(b)).toEqual(await trustOf(a)));
  expect((await trustOf(a)).roots.find(({ state }) => state === 'vouching')?.calledBy ?? null).toBeNull();
});

it('A revocation is pushed to everybody, stands for good, and says who and why', async () => {
  const namespace = newNamespace();
  const [a, b] = await Promise.all([open(namespace), open(namespace)]);
  const nats = await connectNats({ url: inject('natsUrl'), name: 'reader', namespace });
  closers.push(() => nats.close());
  const trust = await openTrust(nats);
  closers.push(trust.close);
  const { issued, instanceId } = await request(a, namespace);
  const serial = new X509Certificate(issued.certificate).serialNumber.toLowerCase();
  expect(trust.isRevoked({ instanceId, serial })).toBe(false);

  const body = { reason: 'its machine was stolen' };
  const revoked = await ask(a.url, 'PUT', `/v1/mesh/revocations/certificates/${serial}`, { body });
  expect(revoked).toMatchObject({ status: 200, body: { serial, reason: body.reason, revokedBy: 'cluster' } });
  await eventually(() => expect(trust.isRevoked({ instanceId, serial })).toBe(true));
  expect(trust.isRevoked({ instanceId, serial: '00' })).toBe(false);
  // Its process may have another.
  expect((await request(b, namespace, { instanceId })).status).toBe(200);

  await ask(b.url, 'PUT', `/v1/mesh/revocations/instances/${instanceId}`, { body });
  await eventually(() => expect(trust.isRevoked({ instanceId, serial: '00' })).toBe(true));
  await eventually(async () =>
    expect(await request(a, namespace, { instanceId })).toMatchObject({
      status: 403,
      body: { code: 'instance-revoked' },
    }),
  );
  // Said again, it is the one that stands.
  const again = await ask(a.url, 'PUT', `/v1/mesh/revocations/certificates/${serial}`, { body: { reason: 'another' } });
  expect(again.body).toEqual(revoked.body);
  await eventually(async () => expect((await trustOf(a)).revocations).toHaveLength(2));
});

it('Both buckets lost: the hubs put back roots and revocations', async () => {
  const namespace = newNamespace();
  const hub = await open(namespace);
  const instanceId = `billing-${newUuid()}`;
  await ask(hub.url, 'PUT', `/v1/mesh/revocations/instances/${instanceId}`, { body: { reason: 'stolen' } });
  const before = await trustOf(hub);
  const nats = await connectNats({ url: inject('natsUrl'), name: 'reader', namespace });
  closers.push(() => nats.close());
  const manager = await nats.jetstream.jetstreamManager();
  for (const bucket of ['mesh-authority', 'mesh-trust'])
    await manager.streams.delete(`KV_${bucketName(namespace, bucket)}`);
  await eventually(async () => {
    expect(await trustOf(hub)).toEqual(before);
    const trust = await openTrust(nats);
    closers.push(trust.close);
    expect(trust.roots().certificates.toSorted()).toEqual(
      before.roots.map(({ certificate }) => certificate).toSorted(),
    );
    expect(trust.isRevoked({ instanceId })).toBe(true);
  });
});
