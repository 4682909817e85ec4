import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { type TenantId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import type { ReadTenant, TenantReader, TenantUnitOfWork } from '../unit-of-work.ts';
import { createKeyCache } from './key-cache.ts';
import type { Keyring } from './keyring.ts';
import { openSealedText, sealText } from './sealed-text.ts';

/** What a service that keeps data keys has among its tables; its migration makes it. */
export type DataKeyTables = {
  data_keys: { tenant_id: string; owner_id: string; wrapped: Buffer | null; changed_at: Temporal.Instant };
};

/** Whose data it is: a person's, or the tenant's own. */
export type DataOwner = UserId | TenantId;

/**
 * A key for each tenant and each person, made when it is first needed. A person's is wrapped with the tenant's, the
 * tenant's with the keyring. Erasing one leaves what was sealed with it, and with the keys below it, unreadable for good.
 */
export type DataKeys = {
  /** Null when the owner, or the whole tenant, was erased: there is nothing to be kept of them. */
  readonly seal: (
    uow: TenantUnitOfWork<DataKeyTables>,
    owner: DataOwner,
    purpose: string,
    text: string,
  ) => Promise<Buffer | null>;
  /** Null when the owner or the tenant was erased; an error when key or text are damaged or of another place. */
  readonly open: (tenantId: TenantId, owner: DataOwner, purpose: string, sealed: Buffer) => Promise<string | null>;
  /** For good, and in advance for an owner who has no key yet. `forget` makes it count in this process at once. */
  readonly erase: (uow: TenantUnitOfWork<DataKeyTables>, owner: DataOwner) => Promise<void>;
  /** To be called when the transaction of `erase` has committed. */
  readonly forget: (tenantId: TenantId, owner: DataOwner) => void;
};

/** How long, at most, another process can still open what was sealed for somebody who was erased. */
export const ERASURE_REACHES_ALL_MS = 30_000;
const CACHED_KEYS = 1_000;

export function createDataKeys(options: {
  readonly service: string;
  readonly read: ReadTenant<DataKeyTables>;
  readonly keyring: Keyring;
  readonly nowMs?: () => number;
}): DataKeys {
  const { service, keyring } = options;
  const cache = createKeyCache({
    size: CACHED_KEYS,
    ttlMs: ERASURE_REACHES_ALL_MS,
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  });

  /** Never from the cache and never into it: a unit of work sees keys of its own that may yet be rolled back. */
  const obtain = async (uow: TenantUnitOfWork<DataKeyTables>, owner: DataOwner): Promise<KeyObject | null> => {
    const rows = await readWrapped(uow, owner);
    const boundTo = dataKeyPlace(service, uow.tenantId);
    const wrapped =
      rows.tenant === undefined ? await addKey(uow, uow.tenantId, (key) => keyring.wrap(boundTo, key)) : rows.tenant;
    if (wrapped === null) return null;
    const tenantKey = await keyring.unwrap(boundTo, wrapped);
    if (owner === uow.tenantId) return tenantKey;
    const place = placeOf(service, uow.tenantId, owner, 'data-key');
    const own =
      rows.own === undefined ? await addKey(uow, owner, async (key) => wrapKey(tenantKey, place, key)) : rows.own;
    return own === null ? null : unwrapKey(tenantKey, place, own);
  };

  const load = async (tenantId: TenantId, owner: DataOwner): Promise<KeyObject | null> => {
    const rows = await options.read(tenantId, (reader) => readWrapped(reader, owner));
    if (rows.tenant === null || rows.own === null) return null;
    if (rows.tenant === undefined || rows.own === undefined)
      throw new Error(`The data key of ${owner} in ${tenantId} is not there, and it was not erased either.`);
    const tenantKey = await keyring.unwrap(dataKeyPlace(service, tenantId), rows.tenant);
    if (owner === tenantId) return tenantKey;
    return unwrapKey(tenantKey, placeOf(service, tenantId, owner, 'data-key'), rows.own);
  };

  return {
    async seal(uow, owner, purpose, text) {
      const key = await obtain(uow, owner);
      return key === null ? null : sealText(key, placeOf(service, uow.tenantId, owner, purpose), text);
    },
    async open(tenantId, owner, purpose, sealed) {
      const key = await cache.get(`${tenantId}/${owner}`, () => load(tenantId, owner));
      return key === null ? null : openSealedText(key, placeOf(service, tenantId, owner, purpose), sealed);
    },
    async erase(uow, owner) {
      const row = rowOf(uow, owner, null);
      await uow.sql
        .insertInto('data_keys')
        .values(row)
        .onConflict((conflict) =>
          conflict.columns(['tenant_id', 'owner_id']).doUpdateSet({ wrapped: null, changed_at: row.changed_at }),
        )
        .execute();
    },
    forget: (tenantId, owner) => cache.forget(owner === tenantId ? `${tenantId}/` : `${tenantId}/${owner}`),
  };
}

/** What a tenant's own key is bound to where it lies: whoever rotates needs it too. */
export const dataKeyPlace = (service: string, tenantId: TenantId): string =>
  placeOf(service, tenantId, tenantId, 'data-key');

const placeOf = (service: string, tenantId: TenantId, owner: DataOwner, purpose: string): string =>
  `${service}/${tenantId}/${owner}/${purpose}`;

type Wrapped = Buffer | null | undefined;

/** Null for an erased key, undefined for one that was never made. */
async function readWrapped(
  reader: TenantReader<DataKeyTables>,
  owner: DataOwner,
): Promise<{ readonly tenant: Wrapped; readonly own: Wrapped }> {
  const rows = await reader.sql
    .selectFrom('data_keys')
    .select(['owner_id', 'wrapped'])
    .where('tenant_id', '=', reader.tenantUuid)
    .where('owner_id', 'in', [reader.tenantUuid, uuidOf(owner)])
    .execute();
  const of = (uuid: string): Wrapped => rows.find((row) => row.owner_id === uuid)?.wrapped;
  return { tenant: of(reader.tenantUuid), own: of(uuidOf(owner)) };
}

/** Of two that make the same key the first to commit has made it; the other waits for that and takes it. */
async function addKey(
  uow: TenantUnitOfWork<DataKeyTables>,
  owner: DataOwner,
  wrap: (key: KeyObject) => Promise<Buffer>,
): Promise<Buffer | null> {
  const wrapped = await wrap(createSecretKey(randomBytes(32)));
  const added = await uow.sql
    .insertInto('data_keys')
    .values(rowOf(uow, owner, wrapped))
    .onConflict((conflict) => conflict.doNothing())
    .returning('owner_id')
    .executeTakeFirst();
  if (added !== undefined) return wrapped;
  const theirs = await uow.sql
    .selectFrom('data_keys')
    .select('wrapped')
    .where('tenant_id', '=', uow.tenantUuid)
    .where('owner_id', '=', uuidOf(owner))
    .executeTakeFirstOrThrow();
  return theirs.wrapped;
}

const rowOf = (uow: TenantUnitOfWork<DataKeyTables>, owner: DataOwner, wrapped: Buffer | null) => ({
  tenant_id: uow.tenantUuid,
  owner_id: uuidOf(owner),
  wrapped,
  changed_at: uow.now,
});

const wrapKey = (wrapping: KeyObject, place: string, key: KeyObject): Buffer =>
  sealText(wrapping, place, key.export().toString('base64'));

const unwrapKey = (wrapping: KeyObject, place: string, wrapped: Buffer): KeyObject =>
  createSecretKey(openSealedText(wrapping, place, wrapped), 'base64');
