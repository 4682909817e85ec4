import { analyticsUnavailable } from '@tenantry/databases/clickhouse/connection.ts';
import { OnceMigrated } from '@tenantry/databases/clickhouse/once-migrated.ts';
import { openSharedAnalytics, type SharedAnalytics } from '@tenantry/databases/clickhouse/shared-analytics.ts';
import { isTableGone } from '@tenantry/databases/clickhouse.ts';
import { PLATFORM_TENANT_UUID, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import {
  type Attributes,
  type FinishedSpan,
  SPAN_KINDS,
  type SpanKind,
} from '@tenantry/kernel/tracing/finished-span.ts';

export type StoredSpan = Omit<FinishedSpan, 'traceId' | 'tenantId'> & { readonly service: string };

/** The traces of all services, in a ClickHouse database of their own. */
export type SpanStore = {
  readonly write: (
    writer: { readonly service: string; readonly instanceId: string },
    spans: readonly FinishedSpan[],
  ) => Promise<void>;
  /** In the order of their beginnings, at most `limit`. `of`: a tenant, or whoever may see everybody's. */
  readonly read: (of: TenantId | 'everybody', traceId: string, limit: number) => Promise<readonly StoredSpan[]>;
  readonly close: () => Promise<void>;
};

const MIGRATIONS = new URL('./analytics/', import.meta.url);
const SECONDS_PER_DAY = 86_400;
/** What comes from outside, as a method, may be as long as it likes there. */
const LONGEST_TEXT = 256;

const selectSpans = (condition: string): string => `
  select span_id, parent_span_id, service, name, kind, started_at_us, duration_us, error, attributes
  from spans
  where ${condition} and trace_id = {trace:String}
  order by started_at_us, duration_us desc, span_id
  limit 1 by tenant_id, span_id
  limit {limit:UInt32}`;
const OF_TENANT = selectSpans('tenant_id = {tenant:UUID}');
const OF_EVERYBODY = selectSpans('true');

type Row = {
  span_id: string;
  parent_span_id: string;
  service: string;
  name: string;
  kind: string;
  started_at_us: string;
  duration_us: string;
  error: string;
  attributes: string;
};

export function openSpanStore(options: {
  readonly url: string;
  readonly namespace: string;
  readonly retentionDays: number;
}): SpanStore {
  const analytics = options.url === '' ? null : openSharedAnalytics({ ...options, name: 'traces' });
  const migrated = analytics === null ? null : new OnceMigrated(analytics, MIGRATIONS);
  const open = async (): Promise<SharedAnalytics> => {
    if (migrated === null) throw analyticsUnavailable();
    return migrated.get();
  };
  /** Of a server that was replaced by an empty one the tables are made again, the next time. */
  const guarded = async <T>(work: (opened: SharedAnalytics) => Promise<T>): Promise<T> => {
    try {
      return await work(await open());
    } catch (error) {
      if (isTableGone(error)) migrated?.forget();
      throw error;
    }
  };
  return {
    write: ({ service, instanceId }, spans) =>
      guarded((opened) =>
        opened.insert(
          'spans',
          spans.map((span) => ({ service, instance_id: instanceId, ...toRow(span, options.retentionDays) })),
        ),
      ),
    read: (of, traceId, limit) =>
      guarded(async (opened) => {
        const given = { trace: traceId, limit };
        const rows =
          of === 'everybody'
            ? await opened.queryAll<Row>(OF_EVERYBODY, given)
            : await opened.forTenant(of).query<Row>(OF_TENANT, given);
        return rows.map(toSpan);
      }),
    close: async () => analytics?.close(),
  };
}

const toRow = (span: FinishedSpan, retentionDays: number) => ({
  tenant_id: span.tenantId === null ? PLATFORM_TENANT_UUID : uuidOf(span.tenantId),
  trace_id: span.traceId,
  span_id: span.spanId,
  parent_span_id: span.parentSpanId,
  name: span.name.slice(0, LONGEST_TEXT),
  kind: span.kind,
  started_at_us: span.startedAtUs,
  duration_us: span.durationUs,
  error: span.error?.slice(0, LONGEST_TEXT) ?? '',
  attributes: JSON.stringify(shortened(span.attributes)),
  // By its beginning, so that a step that is written again keeps its partition, where copies find each other.
  expires_at: Math.floor(span.startedAtUs / 1e6) + retentionDays * SECONDS_PER_DAY,
});

const shortened = (attributes: Attributes): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.slice(0, LONGEST_TEXT) : value,
    ]),
  );

const toSpan = (row: Row): StoredSpan => ({
  spanId: row.span_id,
  parentSpanId: row.parent_span_id,
  service: row.service,
  name: row.name,
  kind: SPAN_KINDS.find((kind): kind is SpanKind => kind === row.kind) ?? 'internal',
  startedAtUs: Number(row.started_at_us),
  durationUs: Number(row.duration_us),
  error: row.error === '' ? null : row.error,
  attributes: JSON.parse(row.attributes) as Attributes,
});
