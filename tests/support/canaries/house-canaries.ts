import { appRole, deriveClusterToken, deriveKey, derivePassword, workerRole } from '@tenantry/databases/credentials.ts';
import { SERVICES_WITH_SCHEMA } from '@tenantry/deploy/migrate/migrate.ts';
import type { Canary } from './find-canaries.ts';
import type { Stores } from './read-stores.ts';

const KEYS = [
  'access-token-key:1',
  'gateway:idempotency',
  'idempotency-fingerprint',
  'mesh-authority',
  'secrets:configuration',
  'secrets:gateway-upstreams',
  'secrets:keyring',
  ...['gateway', 'hub', ...SERVICES_WITH_SCHEMA].map((service) => `mesh-identity:${service}`),
];

/** The beginnings of what is secret whatever its value: where a key or token is, this is. */
const SHAPES = [
  { kind: 'private key (shape)', value: 'PRIVATE KEY-----' },
  // PKCS #8 of a P-256 and an Ed25519 key (RFC 5958): everything before the secret number.
  {
    kind: 'private key (shape)',
    value: Buffer.from('020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex'),
  },
  { kind: 'private key (shape)', value: Buffer.from('302e020100300506032b657004220420', 'hex') },
  // {"alg": in base64url, as each of our tokens and passports begins: those between processes are found too.
  { kind: 'signed token (shape)', value: 'eyJhbGciOi' },
  { kind: 'password hash (shape)', value: '$argon2id$' },
] as const;

/** What belongs to no tenant: keys, and what follows from them. */
export function houseCanaries(stores: Stores, operatorPassword: string): readonly Canary[] {
  const { masterKey } = stores;
  const of = 'house';
  const roles = SERVICES_WITH_SCHEMA.flatMap((service) => [appRole(service), workerRole(service)]);
  return [
    { kind: 'master key', of, value: Buffer.from(masterKey, 'hex') },
    { kind: 'operator password', of, value: operatorPassword },
    { kind: 'superuser password', of, value: stores.postgresPassword },
    { kind: 'Redis password', of, value: new URL(stores.redisUrl).password },
    { kind: 'NATS token', of, value: stores.natsToken },
    { kind: 'cluster token', of, value: deriveClusterToken(masterKey) },
    ...roles.map((role) => ({ kind: 'role password', of, value: derivePassword(masterKey, role) })),
    ...KEYS.map((purpose) => ({ kind: 'derived key', of, value: deriveKey(masterKey, purpose) })),
    ...SHAPES.map((shape) => ({ ...shape, of })),
  ];
}
