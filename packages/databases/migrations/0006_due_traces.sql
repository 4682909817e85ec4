-- Due work goes on with the trace of whatever made it necessary.
alter table due add column traceparent text;
comment on column due.traceparent is 'W3C trace context of what made it necessary; null where that was long before';
