import { setTimeout as sleep } from 'node:timers/promises';
import { deriveClusterToken, deriveKeys } from '@tenantry/databases/credentials.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import type { PinnedHub } from '@tenantry/mesh/identity/pinned-hub.ts';
import type { ProvenKey } from '@tenantry/mesh/identity/proof.ts';
import {
  type IssuedCertificate,
  openRenewedIdentity,
  type RenewedIdentity,
} from '@tenantry/mesh/identity/renewed-identity.ts';
import { openTrust } from '@tenantry/mesh/identity/trust.ts';
import type { Dependencies } from '../health/dependencies.ts';
import { CHECKED, startStoreChecks } from '../health/store-checks.ts';
import type { Logger } from '../logger.ts';
import { CloseStack } from './close-stack.ts';
import { HubRequests } from './hub-requests.ts';
import { keepIdentity } from './kept-identity.ts';

export type MeshSettings = {
  readonly MESH_TLS: 'required' | 'off';
  readonly TENANTRY_NAMESPACE: string;
  readonly TENANTRY_MASTER_KEY: string;
  readonly TENANTRY_DATA_DIR: string;
};

export type JoinMeshOptions = {
  readonly settings: MeshSettings;
  readonly service: string;
  readonly instanceId: string;
  readonly nats: Nats;
  readonly dependencies: Dependencies;
  readonly request: (key: ProvenKey) => Promise<IssuedCertificate>;
  /** Hears of the roots that this process knows. */
  readonly pinned?: PinnedHub | null;
  readonly logger: Logger;
};

export type MeshMembership = {
  readonly identity: RenewedIdentity;
  /** Resolves with the first certificate, or when there was none in time: then it is there some time later. */
  readonly settled: Promise<void>;
  readonly close: () => Promise<void>;
};

/** For the first certificate; whoever starts while every hub is away goes on without. */
const PATIENCE_MS = 3_000;

/** Gets this process a certificate and keeps it good; null where the mesh is off. */
export async function joinMesh(options: JoinMeshOptions): Promise<MeshMembership | null> {
  const { settings, service, instanceId, nats, dependencies, logger, request } = options;
  if (settings.MESH_TLS === 'off') return null;
  const closing = new CloseStack();
  const snapshots = `${settings.TENANTRY_DATA_DIR}/snapshots`;
  const trust = await openTrust(nats, { snapshotFile: `${snapshots}/${service}-trust.json` });
  closing.push(trust.close);
  options.pinned?.follow({ roots: () => trust.roots().certificates, isRevoked: trust.isRevoked });
  const identity = openRenewedIdentity({
    id: { namespace: settings.TENANTRY_NAMESPACE, service, instanceId },
    trust,
    request,
    kept: keepIdentity(
      `${snapshots}/${service}-identity`,
      deriveKeys(settings.TENANTRY_MASTER_KEY, `mesh-identity:${service}`),
    ),
    onFailure: (error) => logger.warn({ err: error }, 'no certificate from the hub; asking again'),
    onRenewal: (expiresAtMs) =>
      logger.debug({ expiresAt: new Date(expiresAtMs).toISOString() }, 'mesh certificate renewed'),
  });
  closing.push(async () => identity.close());
  const monitor = dependencies.declare(
    {
      name: 'mesh-certificate',
      isCritical: false,
      degradedMode:
        'The hub does not renew the certificate of this process: calls between processes go on until it expires, within an hour, and are refused with 503 after that.',
    },
    CHECKED,
  );
  const checks = startStoreChecks([
    {
      monitor,
      check: async () => {
        if (!identity.holds() || identity.isOverdue()) throw new Error('The mesh certificate is not renewed.');
      },
    },
  ]);
  closing.push(async () => checks.stop());
  const settled = Promise.race([identity.ready, sleep(PATIENCE_MS, undefined, { ref: false })]);
  return { identity, settled, close: () => closing.close() };
}

/** Asks whichever hub answers, as whoever has the cluster token: the one thing that is asked without a certificate. */
export function certificateFromHub(options: {
  readonly hubUrl: string;
  /** The way to a hub by https. */
  readonly pinned?: PinnedHub | null;
  readonly masterKey: string;
  readonly service: string;
  readonly instanceId: string;
}): (key: ProvenKey) => Promise<IssuedCertificate> {
  const { service, instanceId } = options;
  const hub = new HubRequests(
    options.hubUrl,
    deriveClusterToken(options.masterKey),
    '/v1/mesh/certificates',
    options.pinned,
  );
  return async (key) => {
    try {
      const answer = await hub.request('POST', '', { service, instanceId, ...key });
      if (!answer.ok) throw new Error(`The hub answered ${answer.status}: ${await answer.text()}`);
      return (await answer.json()) as IssuedCertificate;
    } catch (error) {
      hub.tryAnother();
      throw error;
    }
  };
}
