import { setTimeout as sleep } from 'node:timers/promises';
import { KEYS_BUCKET, type PublishedKey } from '@tenantry/auth/buckets.ts';
import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { openStateWriter } from '@tenantry/events/pushed-state.ts';
import { idFromUuid, PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import type { UsersDeps } from '../deps.ts';
import { toPublishedKey } from '../keys/signing-key.ts';
import { findTenant, TENANT_SLUG } from '../store/tenants.ts';
import { findUserByEmail, updateUser } from '../store/users.ts';
import { createTenant } from './create-tenant.ts';
import { revokeSessions } from './revoke-sessions.ts';
import { toTenantRecord } from './tenant-record.ts';

const PUSH_AGAIN_MS = 1_000;

/**
 * What must be there before anybody can call: the keys of access tokens, tenant zero with its operator, and every
 * tenant in the directory, should NATS have lost it. Idempotent; runs at every start.
 */
export const seedPlatform =
  ({
    databases,
    passwords,
    nats,
    configuration,
    accessTokenKeys,
    logger,
  }: Pick<UsersDeps, 'databases' | 'passwords' | 'nats' | 'configuration' | 'accessTokenKeys' | 'logger'>) =>
  async (): Promise<void> => {
    const self = servicePrincipal('users', PLATFORM_TENANT_ID);
    const operator = {
      email: configuration.TENANTRY_OPERATOR_EMAIL.toLowerCase(),
      password: configuration.TENANTRY_OPERATOR_PASSWORD,
    };
    await createTenant({ databases, passwords })(self, {
      id: PLATFORM_TENANT_ID,
      slug: 'platform',
      name: 'Tenantry',
      country: 'ID',
      currency: 'IDR',
      timeZone: 'Asia/Jakarta',
      mode: 'live',
      tax: { registered: false },
      admin: { ...operator, name: 'Operator', roles: ['owner', 'operator'] },
    });
    await followOperatorPassword({ databases, passwords }, operator);
    const push = async (): Promise<void> => {
      const keys = await openStateWriter<PublishedKey>(nats, KEYS_BUCKET);
      const published = await keys.load();
      for (const key of accessTokenKeys) if (!published.has(key.kid)) await keys.put(key.kid, toPublishedKey(key));
      // Of a master key that no longer counts: whoever has it must not be believed.
      for (const kid of published.keys()) if (!accessTokenKeys.some((key) => key.kid === kid)) await keys.remove(kid);
      await fillDirectory({ databases, nats });
    };
    if (nats.isConnected()) await push();
    else void pushLater({ nats, logger }, push);
  };

/** NATS is away at this start: people can sign in all the same, and the gateways know the key from before. */
async function pushLater(
  { nats, logger }: Pick<UsersDeps, 'nats' | 'logger'>,
  push: () => Promise<void>,
): Promise<void> {
  await nats.connected;
  while (!nats.connection.isClosed()) {
    try {
      await push();
      return;
    } catch (error) {
      logger.warn({ err: error }, 'keys and tenants could not be pushed yet; it will be tried again');
    }
    await sleep(PUSH_AGAIN_MS, undefined, { ref: false });
  }
}

/** Whoever may set the environment of this process may also set the operator's password. */
async function followOperatorPassword(
  { databases, passwords }: Pick<UsersDeps, 'databases' | 'passwords'>,
  operator: { email: string; password: string },
): Promise<void> {
  const user = await databases.withTenant.read(PLATFORM_TENANT_ID, (reader) => findUserByEmail(reader, operator.email));
  if (user === undefined || (await passwords.verify(operator.password, user.password_hash, PLATFORM_TENANT_ID))) return;
  const passwordHash = await passwords.hash(operator.password, PLATFORM_TENANT_ID);
  await databases.withTenant(PLATFORM_TENANT_ID, async (uow) => {
    await updateUser(uow, user.id, { password_hash: passwordHash });
    await revokeSessions(uow, user.id);
    const resource = idFromUuid('usr', user.id);
    await recordAudit(uow, servicePrincipal('users', PLATFORM_TENANT_ID), {
      action: 'profile:change-password',
      resource,
    });
  });
}

async function fillDirectory({ databases, nats }: Pick<UsersDeps, 'databases' | 'nats'>): Promise<void> {
  const bucket = await openStateWriter<TenantRecord>(nats, TENANTS_BUCKET);
  const known = await bucket.load();
  for (const { tenantId } of await databases.lookups.all(TENANT_SLUG)) {
    const tenant = await databases.withTenant.read(tenantId, findTenant);
    if (tenant !== undefined && (known.get(tenantId)?.version ?? 0) < tenant.version)
      await bucket.put(tenantId, toTenantRecord(tenant));
  }
}
