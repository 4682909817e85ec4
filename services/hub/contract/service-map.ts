import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, OneOf } from '@tenantry/contract/schemas.ts';
import { type Static, Type } from 'typebox';
import { Nullable } from './schemas.ts';

const Rate = Type.Number({ minimum: 0 });

const NodeSchema = Closed({
  service: Type.String(),
  /** `unknown`: it is called, and not in the registry (an upstream, or something outside). */
  status: OneOf(['up', 'degraded', 'down', 'unknown']),
  instances: Type.Integer(),
});

const EdgeSchema = Closed({
  caller: Type.String(),
  callee: Type.String(),
  requestsPerSecond: Rate,
  errorRate: Nullable(Rate),
  p50Ms: Nullable(Rate),
  p99Ms: Nullable(Rate),
  /** The busiest ones. */
  tenants: Type.Array(Closed({ tenantId: IdSchema('ten'), requestsPerSecond: Rate, errorRate: Nullable(Rate) })),
});

const ServiceMapSchema = Closed({ nodes: Type.Array(NodeSchema), edges: Type.Array(EdgeSchema) });

export type ServiceMap = Static<typeof ServiceMapSchema>;

export const readServiceMapEndpoint = endpoint({
  name: 'hub.read-service-map',
  method: 'GET',
  path: '/v1/service-map',
  summary: 'Who calls whom, how often, how fast and with how many errors, in the last seconds',
  permission: 'service-map:read',
  reach: 'platform',
  response: ServiceMapSchema,
});
