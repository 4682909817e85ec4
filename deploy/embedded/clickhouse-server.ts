import { createServer, type ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { openClickHouseEngine } from './clickhouse-engine.ts';
import { type ClickHouseRequest, readClickHouseRequest } from './clickhouse-request.ts';
import { MultipleStatements } from './clickhouse-statement.ts';

/**
 * The process that owns a chDB folder and speaks ClickHouse's HTTP protocol on loopback:
 * `node clickhouse-server.ts <folder> <port>`. chDB allows one process per folder; services use the ordinary client.
 */
const ENGINE_UNAVAILABLE = 69; // sysexits(3) EX_UNAVAILABLE: the starter tells it from a failure worth another try
const [dataDir = '', port = ''] = process.argv.slice(2);

const engine = await openClickHouseEngine(dataDir).catch((cause: unknown) => {
  console.error(`chDB cannot be loaded here: ${cause instanceof Error ? cause.message : String(cause)}`);
  process.exit(ENGINE_UNAVAILABLE);
});

const server = createServer(async (request, response) => {
  if (request.method === 'GET' && request.url?.startsWith('/ping') === true) {
    response.end('Ok.\n');
    return;
  }
  try {
    const asked = await readClickHouseRequest(request);
    const result = await engine.run(asked.script, asked.format);
    response.setHeader('X-ClickHouse-Summary', summaryOf(result.rowsRead, result.bytesRead));
    await answer(response, asked, Buffer.from(result.bytes()));
  } catch (cause) {
    refuse(response, cause);
  }
});
// Clients keep connections for long; closing one just as it is used again would look like a lost query.
server.keepAliveTimeout = 60_000;
server.requestTimeout = 0;
server.once('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.listen({ port: Number(port), host: '127.0.0.1' });

process.once('SIGTERM', async () => {
  server.close();
  server.closeIdleConnections();
  await engine.close();
  process.exit(0);
});

async function answer(response: ServerResponse, asked: ClickHouseRequest, body: Buffer): Promise<void> {
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.setHeader('X-ClickHouse-Format', asked.format);
  response.setHeader('X-ClickHouse-Timezone', 'UTC');
  if (asked.queryId !== undefined && /^[\w-]+$/.test(asked.queryId))
    response.setHeader('X-ClickHouse-Query-Id', asked.queryId);
  if (!asked.mayCompress) {
    response.end(body);
    return;
  }
  response.setHeader('Content-Encoding', 'gzip');
  response.end(await promisify(gzip)(body));
}

function summaryOf(rowsRead: number, bytesRead: number): string {
  return JSON.stringify({ read_rows: String(rowsRead), read_bytes: String(bytesRead) });
}

// As ClickHouse answers: 404 for an unknown table or database, 400 for what the caller wrote wrongly.
const STATUS_BY_CODE: Readonly<Record<number, number>> = {
  36: 400,
  47: 400,
  60: 404,
  62: 400,
  81: 404,
  115: 400,
  456: 400,
};

function refuse(response: ServerResponse, cause: unknown): void {
  const message = cause instanceof Error ? cause.message : String(cause);
  const text = describe(cause, message);
  const code = Number(/Code: (\d+)/.exec(text)?.[1] ?? 1002);
  response.statusCode = STATUS_BY_CODE[code] ?? 500;
  response.setHeader('X-ClickHouse-Exception-Code', String(code));
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.end(`${text}\n`);
}

function describe(cause: unknown, message: string): string {
  if (cause instanceof MultipleStatements) return `Code: 62. DB::Exception: ${message}. (SYNTAX_ERROR)`;
  const at = message.indexOf('Code:');
  return at < 0 ? `Code: 1002. DB::Exception: ${message} (UNKNOWN_EXCEPTION)` : message.slice(at);
}
