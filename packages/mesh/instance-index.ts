import type { TenantId } from '@tenantry/kernel/id.ts';
import type { InstanceRecord } from './registry.ts';

type OfService = {
  readonly shared: readonly InstanceRecord[];
  readonly byTenant: ReadonlyMap<string, readonly InstanceRecord[]>;
};

const NONE: readonly InstanceRecord[] = [];

/** Who takes new calls, worked out once per change of the registry, so that a lookup is two look-ups in a map. */
export class InstanceIndex {
  readonly #services: ReadonlyMap<string, OfService>;

  constructor(records: Iterable<InstanceRecord>) {
    const up = [...records].filter((record) => record.status === 'up');
    this.#services = new Map(
      [...Map.groupBy(up, (record) => record.service)].map(([service, instances]) => [
        service,
        indexTenants(instances),
      ]),
    );
  }

  /** A tenant's own instances win over shared ones; another's are never among them. Without a tenant: shared ones. */
  find(service: string, tenantId?: TenantId): readonly InstanceRecord[] {
    const found = this.#services.get(service);
    if (found === undefined) return NONE;
    return (tenantId === undefined ? undefined : found.byTenant.get(tenantId)) ?? found.shared;
  }
}

function indexTenants(instances: readonly InstanceRecord[]): OfService {
  const byTenant = new Map<string, InstanceRecord[]>();
  for (const instance of instances)
    for (const tenantId of instance.tenants ?? []) {
      const own = byTenant.get(tenantId);
      if (own === undefined) byTenant.set(tenantId, [instance]);
      else own.push(instance);
    }
  return { shared: instances.filter(isShared), byTenant };
}

/** An empty list serves nobody; only its absence means everybody. */
export const isShared = (record: Pick<InstanceRecord, 'tenants'>): boolean =>
  record.tenants === undefined || record.tenants === null;

/** Whether a tenant may know of an instance at all. */
export const isVisibleTo = (record: Pick<InstanceRecord, 'tenants'>, tenantId: TenantId): boolean =>
  isShared(record) || record.tenants?.includes(tenantId) === true;
