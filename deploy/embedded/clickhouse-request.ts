import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { singleStatement } from './clickhouse-statement.ts';

export type ClickHouseRequest = {
  /** Everything for the engine: settings, parameters, database, then the statement. */
  readonly script: string;
  readonly format: string;
  readonly queryId: string | undefined;
  readonly mayCompress: boolean;
};

const MOST_BODY_BYTES = 256 * 1024 * 1024;

// ClickHouse's HTTP interface takes these for itself; every other name in the address is a setting or a parameter.
const INTERFACE_ONLY =
  /^(wait_end_of_query|send_progress_in_http_headers|http_.*|enable_http_compression|session_.*|query_id|query|database|default_format|role|user|password|quota_key|compress|decompress|buffer_size|client_protocol_version|stacktrace|close_session)$/;
const NAME = /^[A-Za-z_]\w*$/;

/** ClickHouse's HTTP protocol as its clients speak it: the statement in `?query=` or in the body, or begun in one and ended in the other. */
export async function readClickHouseRequest(request: IncomingMessage): Promise<ClickHouseRequest> {
  const address = new URL(request.url ?? '/', 'http://localhost').searchParams;
  const body = await readBody(request);
  const inAddress = address.get('query') ?? '';
  const statement = inAddress === '' ? singleStatement(body) : `${singleStatement(inAddress)}\n${body}`;
  const gzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  return {
    script: [...preludeOf(address), statement].join('; '),
    format: headerOf(request, 'x-clickhouse-format') ?? address.get('default_format') ?? 'TabSeparated',
    queryId: address.get('query_id') ?? undefined,
    mayCompress: gzip && address.get('enable_http_compression') === '1',
  };
}

/**
 * Parameters are sent as `SET param_x = '…'`, the only way in which the engine reads both plain and nested values
 * exactly as clients write them: quoting them here once more inside the statement would break arrays.
 */
function preludeOf(address: URLSearchParams): string[] {
  const prelude: string[] = [];
  // A server takes all settings of a request at once; here one after the other, so what forbids further ones comes last.
  const settings = [...address].toSorted(([a], [b]) => Number(a === 'readonly') - Number(b === 'readonly'));
  for (const [name, value] of settings) {
    if (!NAME.test(name)) continue;
    if (name.startsWith('param_')) prelude.push(`SET ${name} = ${stringLiteral(value)}`);
    else if (!INTERFACE_ONLY.test(name))
      prelude.push(`SET ${name} = ${/^-?\d+$/.test(value) ? value : stringLiteral(value)}`);
  }
  prelude.push(`USE ${quotedName(address.get('database') ?? 'default')}`);
  return prelude;
}

function stringLiteral(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function quotedName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > MOST_BODY_BYTES) throw new RangeError(`A request may carry ${MOST_BODY_BYTES} bytes.`);
    chunks.push(part);
  }
  const body = Buffer.concat(chunks);
  const plain = headerOf(request, 'content-encoding') === 'gzip' ? await promisify(gunzip)(body) : body;
  return plain.toString('utf8');
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
