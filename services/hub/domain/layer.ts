import type { PushedLayer } from '@tenantry/contract/tenant-configuration.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { stale } from '@tenantry/kernel/problems.ts';

/** Which layer: the one for everybody, one for all tenants of a plan, a tenant's own, or what operators set for a tenant. */
export type LayerName =
  | { readonly kind: 'default' }
  | { readonly kind: 'plan'; readonly slug: string }
  | { readonly kind: 'own'; readonly tenantId: TenantId }
  | { readonly kind: 'tenant'; readonly tenantId: TenantId };

/** One version as history keeps it, for good. */
export type LayerVersion = PushedLayer & {
  readonly changedAt: string;
  /** `usr_…`, or the name of a service. */
  readonly changedBy: string;
  /** The version whose content came back with this one. */
  readonly restoredFrom: number | null;
  /** What is not as it was in the version before, as JSON Pointers; of versions written before this was kept, nothing. */
  readonly changed?: readonly string[];
};

export function describe(name: LayerName): string {
  switch (name.kind) {
    case 'default':
      return 'The default configuration';
    case 'plan':
      return `The configuration of the plan ${name.slug}`;
    case 'own':
      return 'Your own configuration';
    case 'tenant':
      return `The configuration of ${name.tenantId}`;
  }
}

/** What a caller knows of what it is about to replace (RFC 9110 §13.1). */
export type Precondition = { readonly version: number } | 'exists' | 'is-new';

/** Throws `stale` when something else stands than the caller believes. */
export function checkPrecondition(name: LayerName, precondition: Precondition, standing: PushedLayer | null): void {
  // A tenant's own layer is always there: as version 0 until somebody writes it.
  const version = standing?.version ?? (name.kind === 'own' ? 0 : null);
  if (precondition === 'is-new') {
    if (version !== null && version > 0)
      throw stale(`${describe(name)} has version ${version} already. Read it and send its ETag as If-Match.`);
    return;
  }
  if (version === null) throw stale(`${describe(name)} has not been set. PUT it with If-None-Match: *.`);
  if (precondition !== 'exists' && precondition.version !== version)
    throw stale(`${describe(name)} has version ${version} by now. Read it again and send its ETag as If-Match.`);
}
