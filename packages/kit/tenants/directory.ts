import { readTenantRecord, TENANTS_BUCKET, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { watchState } from '@tenantry/events/pushed-state.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';

/** Every tenant, in memory, pushed by users. */
export type TenantDirectory = {
  /** From memory alone; undefined when it has not been pushed yet. */
  readonly peek: (tenantId: TenantId) => TenantRecord | undefined;
  /** From memory, else from users: a new tenant works at once. Throws `not-found`. */
  readonly get: (tenantId: TenantId) => Promise<TenantRecord>;
  readonly onChange: (listener: (tenantId: TenantId) => void) => void;
  readonly close: () => Promise<void>;
};

export async function openTenantDirectory(
  nats: Nats,
  mesh: Mesh,
  options: { readonly snapshotFile?: string },
): Promise<TenantDirectory> {
  const state = await watchState<TenantRecord>(nats, { ...TENANTS_BUCKET, ...options });
  const readThrough = new Map<string, TenantRecord>();
  state.onChange((key) => readThrough.delete(key));
  return {
    peek: (tenantId) => state.get(tenantId) ?? readThrough.get(tenantId),
    async get(tenantId) {
      const known = state.get(tenantId) ?? readThrough.get(tenantId);
      if (known !== undefined) return known;
      try {
        const record = await mesh.call(readTenantRecord, { params: { tenantId } }, { tenantId, timeoutMs: 2_000 });
        readThrough.set(tenantId, record);
        return record;
      } catch (error) {
        if (error instanceof Problem && error.kind.category === 'not-found')
          throw notFound('There is no such tenant.', { cause: error });
        throw error;
      }
    },
    onChange: (listener) => state.onChange((key) => listener(key as TenantId)),
    close: () => state.close(),
  };
}
