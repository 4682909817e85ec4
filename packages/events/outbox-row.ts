import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { PoolClient } from 'pg';
import type { Redrive } from './redrive.ts';

export type OutboxRow = {
  readonly seq: bigint;
  readonly id: string;
  readonly tenant_id: string;
  readonly aggregateid: string;
  readonly aggregateversion: number;
  readonly type: string;
  readonly payload: unknown;
  readonly traceparent: string;
  readonly occurred_at: Temporal.Instant;
  readonly redrive: Redrive | null;
};

const arrayOf = (seqs: Iterable<bigint>): string => `{${[...seqs].join(',')}}`;

/** The oldest rows, without those that are in hand already, and those of aggregates that are to wait. */
export async function readOutbox(
  client: PoolClient,
  { inHand, refused }: { readonly inHand: Iterable<bigint>; readonly refused: readonly string[] },
  limit: number,
): Promise<OutboxRow[]> {
  const { rows } = await client.query<OutboxRow>({
    name: 'relay_read',
    text: `select seq, id, tenant_id, aggregateid, aggregateversion, type, payload, traceparent, occurred_at, redrive
      from outbox where seq <> all($1::bigint[]) and aggregateid <> all($2::text[]) order by seq limit $3`,
    values: [arrayOf(inHand), refused, limit],
  });
  return rows;
}

export async function deleteFromOutbox(client: PoolClient, seqs: readonly bigint[]): Promise<void> {
  const text = 'delete from outbox where seq = any($1::bigint[])';
  await client.query({ name: 'relay_delete', text, values: [arrayOf(seqs)] });
}

export function toEnvelope(row: OutboxRow, service: string): EventEnvelope {
  return {
    specversion: '1.0',
    id: idFromUuid('evt', row.id),
    source: row.redrive?.source ?? `/tenantry/${service}`,
    type: row.type,
    subject: row.aggregateid,
    time: row.occurred_at.toString({ smallestUnit: 'millisecond' }),
    datacontenttype: 'application/json',
    tenantid: idFromUuid('ten', row.tenant_id),
    aggregateversion: row.aggregateversion,
    traceparent: row.traceparent,
    ...(row.redrive === null ? {} : { redriveof: row.redrive.of, redrivefor: row.redrive.for }),
    data: row.payload,
  };
}
