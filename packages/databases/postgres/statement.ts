import { createHash } from 'node:crypto';
import { type WorkTable, workIn } from './committed-work.ts';
import { toWireValue, type WireValue } from './wire-value.ts';

/** A statement as it goes over the wire: parameters are texts or bytes already, so that sending cannot fail halfway. */
export type Statement = {
  readonly text: string;
  /** Under which the connection keeps it prepared; the empty name keeps nothing. */
  readonly name: string;
  readonly values: readonly WireValue[];
  /** False where nobody reads rows: the server is not asked to describe them. */
  readonly wantsRows: boolean;
  /** Where it adds work for somebody. */
  readonly addsTo: readonly WorkTable[];
};

export type Answer = {
  /** The first word of the command tag: `SELECT`, `INSERT`, `COMMIT` … */
  readonly command: string;
  readonly rowCount: number;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
};

/** What follows from the text alone. */
type Reading = Pick<Statement, 'text' | 'name' | 'addsTo'>;

const readings = new Map<string, Reading>();
const MAX_NAMES = 2_000;

/** Named statements are parsed once per connection. Their number is bounded: inlined values would grow it for ever. */
function readingOf(text: string): Reading {
  const known = readings.get(text);
  if (known !== undefined) return known;
  const addsTo = workIn(text);
  if (readings.size >= MAX_NAMES) return { text, name: '', addsTo };
  const reading = { text, name: createHash('sha1').update(text).digest('base64url'), addsTo };
  readings.set(text, reading);
  return reading;
}

export const toStatement = (text: string, parameters: readonly unknown[]): Statement => ({
  ...readingOf(text),
  values: parameters.map(toWireValue),
  wantsRows: true,
});

const command = (text: string, values: readonly WireValue[] = []): Statement => ({
  ...readingOf(text),
  values,
  wantsRows: false,
});

export const BEGIN = command('begin');
export const COMMIT = command('commit');

/** For row-level security, until the transaction ends. */
export const setTenant = (tenantUuid: string): Statement =>
  command("select set_config('app.tenant_id', $1, true)", [tenantUuid]);

/** The same in a transaction that can write nothing and lock nothing. */
export const setTenantReadOnly = (tenantUuid: string): Statement =>
  command("select set_config('app.tenant_id', $1, true), set_config('transaction_read_only', 'on', true)", [
    tenantUuid,
  ]);

/** Until the transaction ends, each statement that follows has so many milliseconds. */
export const setStatementTimeout = (ms: number): Statement =>
  command("select set_config('statement_timeout', $1, true)", [String(ms)]);
