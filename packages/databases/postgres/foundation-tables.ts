import type { Generated } from 'kysely';

/** The tables of migrations/, as the application role sees them. */
export type FoundationTables = {
  outbox: {
    id: string;
    tenant_id: string;
    aggregatetype: string;
    aggregateid: string;
    aggregateversion: number;
    type: string;
    payload: unknown;
    traceparent: string;
    occurred_at: Temporal.Instant;
    redrive: Generated<unknown>;
  };
  inbox: { consumer: string; event_id: string; handled_at: Temporal.Instant };
  due: {
    tenant_id: string;
    kind: string;
    id: string;
    due_at: Temporal.Instant;
    attempts: Generated<number>;
    claimed_until: Temporal.Instant | null;
    traceparent: string | null;
  };
  lookups: { kind: string; key: string; tenant_id: string; target: string; claim: Generated<string | null> };
  events: {
    tenant_id: string;
    stream_id: string;
    version: number;
    id: string;
    type: string;
    data: unknown;
    recorded_at: Temporal.Instant;
    position: Generated<bigint>;
  };
  audit: {
    tenant_id: string;
    id: string;
    occurred_at: Temporal.Instant;
    principal: string;
    on_behalf_of: string | null;
    action: string;
    resource: string;
    detail: unknown;
    trace_id: string;
  };
  idempotency_keys: {
    tenant_id: string;
    principal: string;
    route: string;
    key: string;
    fingerprint: string;
    resource_id: string;
    status: number | null;
    response: unknown;
    leased_until: Temporal.Instant;
    expires_at: Temporal.Instant;
  };
  dead_letters: {
    tenant_id: string;
    id: string;
    consumer: string;
    event: unknown;
    cause: string;
    attempts: number;
    died_at: Temporal.Instant;
    redriven_at: Temporal.Instant | null;
    type: Generated<string>;
    state: Generated<'dead' | 'redriving' | 'handled'>;
    redrives: Generated<number>;
    redriven_as: string | null;
    handled_at: Temporal.Instant | null;
  };
  event_attempts: {
    tenant_id: string;
    consumer: string;
    event_id: string;
    started: number;
    started_at: Temporal.Instant;
  };
};

/** The same, plus what only the worker role sees. */
export type RoutingTables = Pick<FoundationTables, 'inbox' | 'due' | 'lookups'> & {
  outbox: FoundationTables['outbox'] & { seq: Generated<bigint> };
  name_claims: { kind: string; key: string; claim: string; tenant_id: string; claimed_at: Generated<Temporal.Instant> };
};
