import type { TenantId } from '@tenantry/kernel/id.ts';
import type { RouteViewBody } from '../contract/routes.ts';
import type { UpstreamViewBody } from '../contract/upstreams.ts';
import type { SealedHeader } from './secret-headers.ts';

/** What every registered thing has besides its own fields. */
export type Registered = {
  readonly id: string;
  /** Tenant zero's are for all tenants, anybody else's for that tenant alone. */
  readonly tenantId: TenantId;
  /** Grows by one with every change; its ETag. */
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
};

export type UpstreamRecord = Registered &
  Omit<UpstreamViewBody, 'secretHeaders'> & { readonly secretHeaders: readonly SealedHeader[] };
export type RouteRecord = Registered & RouteViewBody;

/** Written by any gateway, by revision; watched by all of them. */
export const UPSTREAMS_BUCKET = { bucket: 'upstreams' } as const;
export const ROUTES_BUCKET = { bucket: 'routes' } as const;

export const recordKey = ({ tenantId, id }: Pick<Registered, 'tenantId' | 'id'>): string => `${tenantId}.${id}`;

/** The same for a key as it is pushed; a key of another form is nobody's. */
export const tenantOfKey = (key: string): TenantId => key.slice(0, key.indexOf('.')) as TenantId;

export function toView<Record extends Registered>(record: Record): Omit<Record, 'tenantId' | 'version'> {
  const { tenantId: _tenantId, version: _version, ...view } = record;
  return view;
}
