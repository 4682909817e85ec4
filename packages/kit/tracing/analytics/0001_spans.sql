-- Steps of traces, of all services. A step that is written twice has the same key; who reads asks for one of each.
create table if not exists spans (
  tenant_id UUID,
  trace_id FixedString(32),
  span_id FixedString(16),
  parent_span_id String,
  service LowCardinality(String),
  instance_id LowCardinality(String),
  name LowCardinality(String),
  kind LowCardinality(String),
  started_at_us Int64,
  duration_us Int64,
  error LowCardinality(String),
  attributes String codec(ZSTD(3)),
  expires_at DateTime('UTC'),
  -- For who may see every tenant's, and knows only the trace.
  index by_trace trace_id type bloom_filter(0.01) granularity 4
)
engine = ReplacingMergeTree
partition by toDate(expires_at)
order by (tenant_id, trace_id, span_id)
ttl expires_at
settings ttl_only_drop_parts = 1
