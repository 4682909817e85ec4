import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, InstantSchema, OneOf } from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';
import { DependencySchema } from './heartbeat.ts';
import { Nullable } from './schemas.ts';

const Rate = Type.Number({ minimum: 0 });

const PerformanceSchema = Closed({
  requestsPerSecond: Rate,
  /** Share of requests; null without requests. */
  errorRate: Nullable(Rate),
  p50Ms: Nullable(Rate),
  p99Ms: Nullable(Rate),
  inFlight: Type.Integer(),
  /** Requests per second that it could answer, as far as its event loop is the limit; null while it idles. */
  capacityPerSecond: Nullable(Rate),
});

const InstanceHealth = Closed({
  instanceId: Type.String(),
  url: Type.String(),
  /** `silent`: registered, and a heartbeat is overdue. */
  status: OneOf(['up', 'draining', 'silent']),
  generation: Type.Integer(),
  registeredAt: Type.String(),
  lastBeatAgeMs: Type.Integer(),
  weight: Type.Integer(),
  /** Whom it serves; null means everybody. */
  tenants: Nullable(Type.Array(IdSchema('ten'))),
  /** Null until it has told. */
  performance: Nullable(PerformanceSchema),
  eventLoopDelayP99Ms: Nullable(Rate),
  eventLoopUtilization: Nullable(Rate),
  residentBytes: Nullable(Type.Integer()),
  cpuShare: Nullable(Rate),
  dependencies: Type.Array(DependencySchema),
});

const DepartureSchema = Closed({ instanceId: Type.String(), reason: OneOf(['expired']), at: InstantSchema });

export const HubHealthSchema = Closed({
  /** True while missed beats are blamed on the network or on the hub rather than on the instances. */
  selfPreservation: Type.Boolean(),
  services: Type.Array(
    Closed({
      name: Type.String(),
      /** `up`: every instance takes calls. `degraded`: some do. `down`: none does, though nobody took them away. */
      status: OneOf(['up', 'degraded', 'down']),
      performance: Nullable(PerformanceSchema),
      instances: Type.Array(InstanceHealth),
      /** Of a service that is down: those that fell silent for good. Who left in order is not missed. */
      missing: Type.Array(DepartureSchema),
    }),
  ),
});

export type HubHealth = Static<typeof HubHealthSchema>;
export type ServiceHealth = HubHealth['services'][number];
export type PerformanceView = Static<typeof PerformanceSchema>;

export const readHubHealthEndpoint = endpoint({
  name: 'hub.read-health',
  method: 'GET',
  path: '/v1/health',
  summary: 'Every service and instance: alive, how busy, how fast; with a tenant, as that tenant is served',
  access: 'services',
  callers: 'any',
  query: Closed({ tenantId: Type.Optional(IdSchema('ten')) }),
  response: HubHealthSchema,
});
