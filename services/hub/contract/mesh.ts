import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, InstantSchema, OneOf } from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';
import { instanceRevoked, rootTooYoung } from '../problems.ts';
import { InstanceIdSchema, Nullable, ServiceNameSchema } from './schemas.ts';

const Base64 = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength });
const Pem = Type.String();

const TrustedRootsSchema = Closed({ version: Type.Integer(), certificates: Type.Array(Pem) });

/** How a process gets its certificate, at its start and again at half of its life. */
export const issueCertificateEndpoint = endpoint({
  name: 'hub.issue-certificate',
  method: 'POST',
  path: '/v1/mesh/certificates',
  isRoutine: true,
  summary: 'A certificate of the mesh for a process of the house',
  access: 'services',
  callers: 'any',
  body: Closed({
    service: ServiceNameSchema,
    instanceId: InstanceIdSchema,
    /** SubjectPublicKeyInfo in DER, P-256. */
    publicKey: Base64(400),
    /** ECDSA with SHA-256 by its private key, over the name that is asked for. */
    proof: Base64(200),
  }),
  response: Closed({ certificate: Pem, roots: TrustedRootsSchema }),
  problems: [instanceRevoked],
});

const RevocationSchema = Closed({
  serial: Type.Optional(Type.String()),
  instanceId: Type.Optional(Type.String()),
  reason: Type.String(),
  revokedAt: InstantSchema,
  revokedBy: Type.String(),
});

const MeshTrustSchema = Closed({
  roots: Type.Array(
    Closed({
      id: Type.String(),
      state: OneOf(['next', 'vouching', 'retired']),
      announcedAt: InstantSchema,
      vouchesSince: Nullable(InstantSchema),
      retiredAt: Nullable(InstantSchema),
      expiresAt: InstantSchema,
      /** Who had it begin to vouch; null for the schedule. */
      calledBy: Nullable(Type.String()),
      /** SHA-256 of the certificate, as HUB_ROOT_FINGERPRINT takes it. */
      fingerprint: Type.String(),
      certificate: Pem,
    }),
  ),
  revocations: Type.Array(RevocationSchema),
});

export type MeshTrustView = Static<typeof MeshTrustSchema>;

export const readMeshTrustEndpoint = endpoint({
  name: 'hub.read-mesh-trust',
  method: 'GET',
  path: '/v1/mesh/trust',
  summary: 'The roots that vouch for processes, and what was revoked',
  permission: 'mesh:read',
  reach: 'platform',
  response: MeshTrustSchema,
});

export const rotateMeshRootEndpoint = endpoint({
  name: 'hub.rotate-mesh-root',
  method: 'POST',
  path: '/v1/mesh/roots/rotate',
  summary: 'Have the next root vouch from now on; the one before it holds until what it signed has expired',
  permission: 'mesh:write',
  reach: 'platform',
  response: MeshTrustSchema,
  problems: [rootTooYoung],
});

const Reason = Closed({ reason: Type.String({ minLength: 3, maxLength: 200 }) });
const reason = { reason: 'The machine that it ran on was stolen' };

export const revokeCertificateEndpoint = endpoint({
  name: 'hub.revoke-certificate',
  method: 'PUT',
  path: '/v1/mesh/revocations/certificates/:serial',
  summary: 'Believe one certificate no more; its process gets another at its renewal',
  permission: 'mesh:write',
  reach: 'platform',
  params: Closed({ serial: Type.String({ pattern: '^[0-9a-f]{32}$' }) }),
  body: Reason,
  response: RevocationSchema,
  example: { params: { serial: '4f'.repeat(16) }, body: reason },
});

export const revokeInstanceEndpoint = endpoint({
  name: 'hub.revoke-instance',
  method: 'PUT',
  path: '/v1/mesh/revocations/instances/:instanceId',
  summary: 'Believe no certificate of a process any more, and give it none; started again, it is another',
  permission: 'mesh:write',
  reach: 'platform',
  params: Closed({ instanceId: InstanceIdSchema }),
  body: Reason,
  response: RevocationSchema,
  example: { params: { instanceId: 'billing-01890a5d-ac96-774b-bcce-b302099a8057' }, body: reason },
});
