import { traceIdOf } from '@tenantry/kernel/call-context.ts';
import { SECURITY_HEADERS } from './answer-headers.ts';
import type { Exchange } from './exchange.ts';
import { renderRefusal } from './render-refusal.ts';

/** A body that is still arriving and longer than this is not waited for: the connection is closed instead. */
const MAX_IGNORED_BODY_BYTES = 65_536;
const LINGER_MS = 1_000;

/** A whole answer of the gateway's own. */
export function sendWhole(exchange: Exchange, status: number, headers: readonly string[], body: string | Buffer): void {
  const { response, request } = exchange;
  if (response.headersSent || exchange.isOver) return;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  // RFC 9110 §8.6: a 204 has no Content-Length.
  const length = status === 204 ? [] : ['content-length', String(bytes.length)];
  response.writeHead(status, [...exchange.answerHeaders, ...headers, ...length]);
  if (request.method === 'HEAD') response.end();
  else response.end(bytes);
}

export const sendJson = (exchange: Exchange, status: number, value: unknown): void =>
  sendWhole(
    exchange,
    status,
    ['content-type', 'application/json; charset=utf-8', ...SECURITY_HEADERS],
    JSON.stringify(value),
  );

/** Answers with the problem that `error` is. Returns its status. */
export function refuse(exchange: Exchange, error: unknown, extra: readonly string[] = []): number {
  const { status, headers, body } = renderRefusal(error, {
    instance: exchange.target.path,
    traceId: traceIdOf(exchange.traceparent),
  });
  const lines = [...exchange.answerHeaders, ...Object.entries(headers).flat(), ...SECURITY_HEADERS, ...extra];
  sendRefusal(exchange, status, lines, JSON.stringify(body));
  return status;
}

/** A rendered refusal, whatever state the request and its answer are in. */
export function sendRefusal(exchange: Exchange, status: number, lines: string[], body: string): void {
  const { response } = exchange;
  if (exchange.isOver) return;
  if (response.headersSent) {
    // Part of another answer is out: cutting the connection is the only honest way to say that it is not whole.
    response.destroy();
    return;
  }
  const bytes = Buffer.from(body);
  lines.push('content-length', String(bytes.length));
  if (isBodyPending(exchange)) {
    response.writeHead(status, [...lines, ...CLOSING]);
    response.write(bytes);
    lingerAndClose(exchange);
    return;
  }
  response.writeHead(status, lines);
  if (exchange.request.method === 'HEAD') response.end();
  else response.end(bytes);
}

/** The client still sends, and nobody listens. */
export function isBodyPending({ request, head }: Exchange): boolean {
  if (request.complete) return false;
  // Without a head the framing itself may be what was wrong: the rest of the connection cannot be trusted.
  // Nor does a client that was not told to continue know whether it should: the next bytes may be anything.
  if (head?.expectsContinue === true) return true;
  return head === null || head.contentLength === null || head.contentLength > MAX_IGNORED_BODY_BYTES;
}

/** Goes with every answer after which `lingerAndClose` is to follow. */
export const CLOSING: readonly string[] = ['connection', 'close'];

/**
 * Ends an answer, and with it the connection, only after the client has stopped sending or a second has passed: closing
 * at once would reset the connection and take the answer with it (RFC 9112 §9.6).
 */
export function lingerAndClose({ request, response }: Exchange): void {
  response.shouldKeepAlive = false;
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  response.once('close', () => clearTimeout(timer));
  if (request.readableEnded) {
    end(); // it said that it has no body, so no end of one is told
    return;
  }
  request.once('end', end);
  request.resume();
}
