import { Closed, IdSchema } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';

const Count = Type.Integer({ minimum: 0 });
const LatencySchema = Type.Array(Type.Tuple([Count, Count]), { maxItems: 200 });

export const LoadSchema = Closed({
  windowMs: Count,
  inFlight: Type.Integer(),
  requests: Count,
  failed: Count,
  latency: LatencySchema,
  eventLoopDelayP99Ms: Type.Number({ minimum: 0 }),
  eventLoopUtilization: Type.Number({ minimum: 0 }),
  residentBytes: Count,
  cpuShare: Type.Number({ minimum: 0 }),
});

const EdgeSchema = Closed({
  callee: Type.String({ maxLength: 200 }),
  requests: Count,
  failed: Count,
  latency: LatencySchema,
  tenants: Type.Array(Closed({ tenantId: IdSchema('ten'), requests: Count, failed: Count }), { maxItems: 100 }),
});

export const DependencySchema = Closed({
  name: Type.String({ maxLength: 200 }),
  state: Type.String({ maxLength: 40 }),
  figures: Type.Record(Type.String(), Type.Number()),
});

export const HeartbeatSchema = Closed({
  generation: Type.Integer({ minimum: 0 }),
  sequence: Type.Integer({ minimum: 1 }),
  status: Type.Union([Type.Literal('up'), Type.Literal('draining')]),
  load: Type.Optional(LoadSchema),
  traffic: Type.Optional(Closed({ windowMs: Count, edges: Type.Array(EdgeSchema, { maxItems: 500 }) })),
  dependencies: Type.Optional(Type.Array(DependencySchema, { maxItems: 200 })),
});
