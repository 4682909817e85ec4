import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, InstantSchema, OneOf } from '@tenantry/contract/schemas.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { type Static, Type } from 'typebox';

const SpanId = Type.String({ pattern: '^[0-9a-f]{16}$', examples: ['00f067aa0ba902b7'] });
const Milliseconds = Type.Number({ minimum: 0, description: 'Milliseconds, to the microsecond' });

const spanProperties = {
  spanId: SpanId,
  parentSpanId: Type.Union([SpanId, Type.Null()]),
  isParentMissing: Type.Boolean({
    description:
      'It followed from a step that is not here: of the client, of another tenant, not recorded, or not written yet',
  }),
  service: Type.String({ examples: ['billing'] }),
  name: Type.String({ examples: ['GET /v1/invoices/:invoiceId'] }),
  kind: OneOf(['internal', 'server', 'client', 'producer', 'consumer']),
  startOffsetMs: Type.Number({ description: 'After the beginning of the trace, in milliseconds' }),
  durationMs: Milliseconds,
  status: OneOf(['ok', 'error']),
  error: Type.Union([Type.String(), Type.Null()], { description: 'What kind of error' }),
  attributes: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
    description: 'Under the names of OpenTelemetry’s semantic conventions',
  }),
};

const SpanProperties = Closed(spanProperties);
export type TraceSpan = Static<typeof SpanProperties> & { readonly children: TraceSpan[] };

const TraceSpanSchema = Closed({
  ...spanProperties,
  children: Type.Array(
    Type.Unsafe<TraceSpan>({ type: 'object', description: 'What followed from it, each with these same fields' }),
  ),
});

const TraceView = Closed({
  traceId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  startedAt: InstantSchema,
  durationMs: Milliseconds,
  spanCount: Type.Integer(),
  isTruncated: Type.Boolean({ description: 'It has more steps than are shown' }),
  services: Type.Array(Type.String()),
  spans: Type.Array(TraceSpanSchema, { description: 'The first step, and what cannot be hung under another' }),
});
export type Trace = Static<typeof TraceView>;

export const readTrace = endpoint({
  name: 'gateway.read-trace',
  method: 'GET',
  path: '/v1/traces/:traceId',
  summary: 'What was done for one request, as a tree: of the tenant, for the platform of all tenants',
  permission: 'trace:read',
  reach: 'tenant',
  // Not checked here: what is malformed is told so, instead of being looked for.
  params: Closed({ traceId: Type.String({ description: '32 hexadecimal digits: the X-Trace-Id of an answer' }) }),
  response: TraceView,
  problems: [notFound],
  example: { params: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736' } },
});
