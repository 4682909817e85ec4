import type { PublicJwk } from '@tenantry/auth/jws.ts';
import type { Endpoint, Method, Permission, Reach } from '@tenantry/contract/endpoint.ts';
import { type OpenApiOperation, openApiOperation } from '@tenantry/contract/openapi.ts';
import type { BucketSettings } from '@tenantry/events/open-bucket.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';

/** What an instance tells the hub about itself, and what the hub pushes to everybody. */
export type InstanceRecord = {
  /** `<service>-<uuid>`; also the `kid` of the passports that this process signs. */
  readonly instanceId: string;
  readonly service: string;
  readonly url: string;
  /** `https://host:port`, where the other processes of the house connect with mutual TLS. */
  readonly meshUrl?: string;
  readonly publicKey: PublicJwk;
  readonly status: 'up' | 'draining';
  /** Grows with every registration of the hub: a record of an older generation never replaces a newer one. */
  readonly generation: number;
  readonly registeredAt: string;
  readonly endpoints: readonly EndpointRecord[];
  /** Whom this instance serves; null (or absent) means everybody. A tenant's own instances win over shared ones. */
  readonly tenants?: readonly TenantId[] | null;
  /** Share of the calls relative to the other instances'; 1 unless said. */
  readonly weight?: number;
  /** Counts the registrations of one process, so that one that was held up on the way cannot undo a later one. */
  readonly attempt?: number;
};

/** Of an endpoint, what a gateway needs to route it and guard it. */
export type EndpointRecord = {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly access: 'public' | 'principal';
  readonly permission: Permission | null;
  readonly reach: Reach | null;
  readonly idempotency: boolean;
  readonly rateLimit: { readonly limit: number; readonly windowSeconds: number } | null;
  readonly maxBodyBytes: number;
  /** False unless said, here and in the next. */
  readonly streamsBody?: boolean;
  readonly webSocket?: boolean;
  /** As JSON text in the memory and the snapshot of a process: it is seldom asked for, and in objects three times as large. */
  readonly openapi: OpenApiOperation | string;
};

export const operationOf = ({ openapi }: Pick<EndpointRecord, 'openapi'>): OpenApiOperation =>
  typeof openapi === 'string' ? (JSON.parse(openapi) as OpenApiOperation) : openapi;

export const REGISTRY_BUCKET: BucketSettings = { bucket: 'registry' };

export const registryKey = (record: Pick<InstanceRecord, 'service' | 'instanceId'>): string =>
  `${record.service}.${record.instanceId}`;

/** Endpoints for services only are not in the registry: the gateway cannot route what it does not know. */
export const toEndpointRecords = (endpoints: readonly Endpoint[], service: string): EndpointRecord[] =>
  endpoints
    .filter((endpoint) => endpoint.access !== 'services')
    .map((endpoint) => ({
      name: endpoint.name,
      method: endpoint.method,
      path: endpoint.path,
      access: endpoint.access === 'public' ? 'public' : 'principal',
      permission: endpoint.permission,
      reach: endpoint.reach,
      idempotency: endpoint.idempotency,
      rateLimit: endpoint.rateLimit,
      maxBodyBytes: endpoint.maxBodyBytes,
      ...(endpoint.streamsBody && { streamsBody: true }),
      ...(endpoint.webSocket && { webSocket: true }),
      openapi: openApiOperation(endpoint, service),
    }));
