import { formatInstant } from '@tenantry/kernel/instant.ts';
import { forbidden, validationFailed } from '@tenantry/kernel/problems.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';
import { fingerprintOf } from '@tenantry/mesh/identity/fingerprints.ts';
import {
  issueCertificateEndpoint,
  type MeshTrustView,
  readMeshTrustEndpoint,
  revokeCertificateEndpoint,
  revokeInstanceEndpoint,
  rotateMeshRootEndpoint,
} from '../contract/mesh.ts';
import type { Root } from '../domain/roots.ts';
import type { MeshAuthority } from '../use-cases/authority.ts';
import { changedBy } from './changed-by.ts';
import { CLUSTER } from './cluster-token.ts';

const instant = (epochMs: number): string => formatInstant(Temporal.Instant.fromEpochMilliseconds(epochMs));
const instantOrNull = (epochMs: number | null): string | null => (epochMs === null ? null : instant(epochMs));

const stateOf = ({ vouchesSinceMs, retiredAtMs }: Root) => {
  if (retiredAtMs !== null) return 'retired';
  return vouchesSinceMs === null ? 'next' : 'vouching';
};

const toView = ({ roots, revocations }: Pick<MeshAuthority, 'roots' | 'revocations'>): MeshTrustView => ({
  roots: roots.map((root) => ({
    id: root.id,
    state: stateOf(root),
    announcedAt: instant(root.announcedAtMs),
    vouchesSince: instantOrNull(root.vouchesSinceMs),
    retiredAt: instantOrNull(root.retiredAtMs),
    expiresAt: instant(root.expiresAtMs),
    calledBy: root.calledBy,
    fingerprint: fingerprintOf(root.certificate),
    certificate: root.certificate,
  })),
  revocations: [...revocations],
});

export const meshRoutes = (authority: MeshAuthority): Route[] => [
  serve(issueCertificateEndpoint, async ({ body: { service, instanceId, publicKey, proof }, principal }) => {
    // Who comes with a passport is one service; a certificate of another would let it speak for that one.
    if (principal.id !== CLUSTER.id && principal.id !== service)
      throw forbidden(`${principal.id} gets certificates of ${principal.id} alone. Ask for one of those.`);
    if (!instanceId.startsWith(`${service}-`)) {
      const errors = [{ path: '/instanceId', message: 'must begin with the name of its service' }];
      throw validationFailed('The instance id names another service.', { errors });
    }
    const { certificate, roots } = authority.issue({ service, instanceId }, { publicKey, proof });
    return { certificate, roots: { version: roots.version, certificates: [...roots.certificates] } };
  }),
  serve(readMeshTrustEndpoint, async () => toView(authority.standing)),
  serve(rotateMeshRootEndpoint, async ({ principal }) => {
    await authority.rotate(changedBy(principal));
    return toView(authority.standing);
  }),
  serve(revokeCertificateEndpoint, ({ params, body, principal }) =>
    authority.revoke({ serial: params.serial }, body.reason, changedBy(principal)),
  ),
  serve(revokeInstanceEndpoint, ({ params, body, principal }) =>
    authority.revoke({ instanceId: params.instanceId }, body.reason, changedBy(principal)),
  ),
];
