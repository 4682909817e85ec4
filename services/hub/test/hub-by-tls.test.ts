import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { connectNats } from '@tenantry/events/nats.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { Dependencies } from '@tenantry/kit/health/dependencies.ts';
import { certificateFromHub, joinMesh, type MeshMembership } from '@tenantry/kit/lifecycle/join-mesh.ts';
import { pinHub } from '@tenantry/kit/lifecycle/pin-hub.ts';
import { registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { fingerprintOf } from '@tenantry/mesh/identity/fingerprints.ts';
import type { HubAnswer, PinnedHub } from '@tenantry/mesh/identity/pinned-hub.ts';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { type Authority, createAuthority, type Issued, vouchWith } from '../../../tests/support/certificates.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import type { RunningHub } from '../app.ts';
import type { MeshTrustView } from '../contract/mesh.ts';
import { announcement, ask, listed, MASTER_KEY, newNamespace, openTestHub } from './hubs.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type House = { readonly hub: RunningHub; readonly url: string; readonly namespace: string };
async function open(environment: Readonly<Record<string, string>> = {}): Promise<House> {
  const namespace = newNamespace();
  const settings = { MESH_TLS: 'required', HUB_TLS_PORT: '0', ...environment };
  const hub = await openTestHub(namespace, {}, inject('natsUrl'), settings);
  closers.push(hub.close);
  return { hub, url: hub.tlsUrl ?? expect.unreachable(), namespace };
}

const rootsOf = async ({ hub }: House, state?: string): Promise<MeshTrustView['roots']> =>
  ((await ask(hub.url, 'GET', '/v1/mesh/trust')).body as MeshTrustView).roots.filter(
    (root) => state === undefined || root.state === state,
  );
const fingerprintsOf = async (house: House, state?: string): Promise<string[]> =>
  (await rootsOf(house, state)).map(({ fingerprint }) => fingerprint);

const pin = (namespace: string, fingerprints: readonly string[]): PinnedHub =>
  pinHub({
    HUB_URL: 'https://hub.example',
    HUB_ROOT_FINGERPRINT: fingerprints.join(','),
    TENANTRY_NAMESPACE: namespace,
  }) ?? expect.unreachable();
const read = (pinned: PinnedHub, url: string): Promise<HubAnswer> =>
  pinned.fetch(`${url}/health/ready`, { method: 'GET', headers: {}, signal: AbortSignal.timeout(5_000) });
const statusOf = async (pinned: PinnedHub, url: string): Promise<number> => {
  const { status, body } = await read(pinned, url);
  await body?.cancel();
  return status;
};

/** Somebody who answers where the hub should be, and notes what it is told. */
async function openImpostor({ certificate, privateKey }: Issued, root: Authority['certificate']) {
  const told: string[] = [];
  const server = createServer({ key: privateKey, cert: `${certificate}${root}` }, (socket) => {
    socket.on('data', (bytes) => told.push(bytes.toString()));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => server.close());
  return { told, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** What a process on another machine does first. */
async function joinFrom({ namespace }: House, hubUrl: string, pinned: PinnedHub | null): Promise<MeshMembership> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-elsewhere-'));
  closers.push(async () => rmSync(dataDir, { recursive: true, force: true }));
  const nats = await connectNats({ url: inject('natsUrl'), name: 'elsewhere', namespace });
  closers.push(() => nats.close());
  const instanceId = `billing-${newUuid()}`;
  const membership = await joinMesh({
    settings: {
      MESH_TLS: 'required',
      TENANTRY_NAMESPACE: namespace,
      TENANTRY_MASTER_KEY: MASTER_KEY,
      TENANTRY_DATA_DIR: dataDir,
    },
    ...{ service: 'billing', instanceId, nats, pinned },
    dependencies: new Dependencies(createLogger({ service: 'billing', instanceId, level: 'silent' })),
    request: certificateFromHub({ hubUrl, pinned, masterKey: MASTER_KEY, service: 'billing', instanceId }),
    logger: createLogger({ service: 'billing', instanceId, level: 'silent' }),
  });
  if (membership === null) return expect.unreachable();
  closers.push(membership.close);
  return membership;
}

function registerFrom(hubUrl: string, pinned: PinnedHub | null) {
  const announced = announcement('billing');
  const logger = createLogger({ service: 'billing', instanceId: announced.instanceId, level: 'silent' });
  const registration = registerWithHub({ hubUrl, pinned, masterKey: MASTER_KEY, announcement: announced, logger });
  closers.push(registration.leave);
  return { ...registration, instanceId: announced.instanceId };
}

describe('A process on another machine that knows the root of the hub', () => {
  it('gets its certificate, registers and beats by TLS; with plain HTTP it goes on as before', async () => {
    const house = await open();
    const pinned = pin(house.namespace, await fingerprintsOf(house, 'vouching'));
    await (await joinFrom(house, house.url, pinned)).identity.ready;
    const byTls = registerFrom(house.url, pinned);
    const plainly = registerFrom(house.hub.url, null);
    await Promise.all([byTls.accepted, plainly.accepted]);
    const there = (await listed(house.hub)).map(({ instanceId }) => instanceId);
    expect(there.toSorted()).toEqual([byTls.instanceId, plainly.instanceId].toSorted());
    await byTls.leave();
    expect((await listed(house.hub)).map(({ instanceId }) => instanceId)).toEqual([plainly.instanceId]);
  });

  it('goes on to the next hub of its list where the first is not believed', async () => {
    const house = await open();
    const other = await open();
    const registered = registerFrom(`${other.url},${house.url}`, pin(house.namespace, await fingerprintsOf(house)));
    await registered.accepted;
    expect((await listed(house.hub)).map(({ instanceId }) => instanceId)).toEqual([registered.instanceId]);
    expect(await listed(other.hub)).toEqual([]);
  });
});

describe('A hub is not believed', () => {
  it('with another root: the sentence names both, and what to do', async () => {
    const [house, other] = [await open(), await open()];
    const [wrong = ''] = await fingerprintsOf(other, 'vouching');
    const [shown = ''] = await fingerprintsOf(house, 'vouching');
    const refused = read(pin(house.namespace, [wrong]), house.url);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_HUB_NOT_BELIEVED' });
    await expect(refused).rejects.toThrow(`shows the root ${shown}, and HUB_ROOT_FINGERPRINT names ${wrong}.`);
    await expect(refused).rejects.toThrow('compare with GET /v1/mesh/trust');
    // Nor with the right one, where its certificate is of another house on the same stores.
    const stranger = read(pin(other.namespace, [shown]), house.url);
    await expect(stranger).rejects.toThrow('not one of a hub of this house');
  });

  it('who shows the pinned root but has no certificate of it, and is told nothing', async () => {
    const authority = createAuthority('the right one');
    const pinned = () => pin('here', [fingerprintOf(authority.certificate)]);
    const hubId = 'spiffe://tenantry/here/hub/hub-0';
    const forger = createAuthority('the right one');
    const member = authority.issue(['spiffe://tenantry/here/billing/billing-0']);
    const past = { from: new Date(Date.now() - 172_800_000), to: new Date(Date.now() - 86_400_000) };
    for (const [what, issued, sentence] of [
      ['its own signature', forger.issue([hubId]), /cannot be believed|shows no root/],
      ['one of another service', member, /not one of a hub of this house/],
      ['what a service has signed', vouchWith('billing', member).issue([hubId]), /cannot be believed|shows no root/],
      ['one that has expired', authority.issue([hubId], past), /CERT_HAS_EXPIRED/],
      [
        'one of another house',
        authority.issue(['spiffe://tenantry/there/hub/hub-0']),
        /not one of a hub of this house/,
      ],
    ] as const) {
      const impostor = await openImpostor(issued, authority.certificate);
      await expect(read(pinned(), impostor.url), what).rejects.toThrow(sentence);
      expect(impostor.told, what).toEqual([]);
    }
    // The same with what a hub has is asked: so it was the certificate, and not the test.
    const hub = await openImpostor(authority.issue([hubId]), authority.certificate);
    read(pinned(), hub.url).catch(() => undefined);
    await eventually(() => expect(hub.told.join('')).toContain('GET /health/ready'));
  });

  it('once it was revoked, by whoever has heard of that', async () => {
    const house = await open();
    const pinned = pin(house.namespace, await fingerprintsOf(house));
    const { instanceId, url } = house.hub;
    const body = { reason: 'its machine was stolen' };
    await ask(url, 'PUT', `/v1/mesh/revocations/instances/${instanceId}`, { body });
    await joinFrom(house, house.url, pinned);
    await eventually(async () => {
      await expect(read(pinned, house.url)).rejects.toThrow(`the certificate of ${instanceId} was revoked`);
    });
  });

  it('at all without a pin: the start ends with a sentence', () => {
    const settings = { HUB_URL: 'http://127.0.0.1:8010,https://10.0.0.5:8443', TENANTRY_NAMESPACE: '' };
    expect(() => pinHub(settings)).toThrow('HUB_ROOT_FINGERPRINT must name the roots of that hub');
    expect(pinHub({ ...settings, HUB_URL: 'http://127.0.0.1:8010' })).toBeNull();
  });
});

describe('When the roots of the hub are rotated', () => {
  it('the pin of the next one counts, a pin of the last one alone does not, and who runs has heard of it', async () => {
    const house = await open({ MESH_CERTIFICATE_SECONDS: '2' });
    const { namespace, url, hub } = house;
    const [vouching = ''] = await fingerprintsOf(house, 'vouching');
    const [next = ''] = await fingerprintsOf(house, 'next');
    const both = pin(namespace, [vouching.toLowerCase().replaceAll(':', ''), next]);
    const runs = pin(namespace, [vouching]);
    await (await joinFrom(house, url, runs)).identity.ready;
    for (const pinned of [both, runs]) expect(await statusOf(pinned, url)).toBe(200);

    await eventually(async () => {
      const answer = await ask(hub.url, 'POST', '/v1/mesh/roots/rotate');
      expect((await fingerprintsOf(house, 'vouching'))[0], `${answer.status}`).toBe(next);
    });
    // The hub shows the new one from its renewal on, and everybody's connections are made anew.
    await eventually(async () => {
      await expect(read(pin(namespace, [vouching]), url)).rejects.toThrow(`shows the root ${next}`);
    });
    expect(await statusOf(pin(namespace, [vouching, next]), url)).toBe(200);
    expect(await statusOf(pin(namespace, [next]), url)).toBe(200);
    const heard = pin(namespace, [vouching]);
    await (await joinFrom(house, url, heard)).identity.ready;
    expect(await statusOf(heard, url)).toBe(200);
  });
});
