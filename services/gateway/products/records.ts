import type { TenantId } from '@tenantry/kernel/id.ts';
import type { RouteViewBody } from '../contract/routes.ts';
import type { UpstreamViewBody } from '../contract/upstreams.ts';

/** As it lies in JetStream and in every snapshot: nothing of its value can be read without the master key. */
export type SealedHeader = { readonly name: string; readonly sealed: string };

/** The key lies there as a secret header does. */
export type SealedClientCertificate = {
  readonly certificateChain: string;
  readonly expiresAt: string;
  readonly sealedKey: string;
};

/** Who changed a registration, and how. Written with the change itself, in the same record, so that neither is without the other. */
export type Change = {
  readonly eventId: `evt_${string}`;
  readonly action: `${string}:${'register' | 'change' | 'remove'}`;
  readonly principal: string;
  readonly onBehalfOf: string | null;
  readonly version: number;
  readonly changedAt: string;
  readonly traceparent: string;
  readonly fields: readonly string[];
};

/** What every registered thing has besides its own fields. */
export type Registered = {
  readonly id: string;
  /** Tenant zero's are for all tenants, anybody else's for that tenant alone. */
  readonly tenantId: TenantId;
  /** Grows by one with every change; its ETag. */
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Changes that have not been told for the audit yet, in their order. */
  readonly unheard?: readonly Change[];
  /** It is gone for everybody, and stays until that has been told. */
  readonly isRemoved?: true;
};

export const isStanding = ({ isRemoved }: Pick<Registered, 'isRemoved'>): boolean => isRemoved !== true;

export type UpstreamRecord = Registered &
  Omit<UpstreamViewBody, 'secretHeaders' | 'clientCertificate'> & {
    readonly secretHeaders: readonly SealedHeader[];
    readonly clientCertificate: SealedClientCertificate | null;
  };
export type RouteRecord = Registered & RouteViewBody;

/** Written by any gateway, by revision; watched by all of them. */
export const UPSTREAMS_BUCKET = { bucket: 'upstreams' } as const;
export const ROUTES_BUCKET = { bucket: 'routes' } as const;

export const recordKey = ({ tenantId, id }: Pick<Registered, 'tenantId' | 'id'>): string => `${tenantId}.${id}`;

/** The same for a key as it is pushed; a key of another form is nobody's. */
export const tenantOfKey = (key: string): TenantId => key.slice(0, key.indexOf('.')) as TenantId;

export function toView<Record extends Registered>(
  record: Record,
): Omit<Record, 'tenantId' | 'version' | 'unheard' | 'isRemoved'> {
  const { tenantId: _tenantId, version: _version, unheard: _unheard, isRemoved: _isRemoved, ...view } = record;
  return view;
}
