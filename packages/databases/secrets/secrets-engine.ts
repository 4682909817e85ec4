import { isId, type TenantId } from '@tenantry/kernel/id.ts';

/** Where the secrets of tenants live: encrypted files, or a Vault. Values never appear in logs or errors. */
export type SecretsEngine = {
  /** Null for what was never written or was removed. */
  readonly read: (tenantId: TenantId, name: string) => Promise<string | null>;
  /** Of two at the same instant one is the last, and whole. */
  readonly write: (tenantId: TenantId, name: string, value: string) => Promise<void>;
  /** With every earlier value; idempotent. */
  readonly remove: (tenantId: TenantId, name: string) => Promise<void>;
};

const NAME = /^[a-z0-9][a-z0-9_-]{0,80}$/;

/** Tenant and name become parts of a path: whatever could lead elsewhere is refused. */
export function checkSecretPlace(tenantId: TenantId, name: string): void {
  if (!isId('ten', tenantId)) throw new RangeError('A secret belongs to a tenant.');
  if (!NAME.test(name)) throw new RangeError('A secret has a name of lower-case letters, digits, - and _.');
}
