-- Rows of one key are copies of each other: whichever of them a merge keeps, nothing is counted twice. Read it with FINAL.
create table if not exists usage_events (
  tenant_id UUID,
  subscriber_id UUID,
  feature LowCardinality(String),
  usage_id UUID,
  amount Int32,
  recorded_at DateTime64(3, 'UTC')
)
engine = ReplacingMergeTree
order by (tenant_id, subscriber_id, feature, usage_id)
