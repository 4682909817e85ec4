import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { continueTrace, traceIdOf } from '@tenantry/kernel/call-context.ts';
import { SECURITY_HEADERS } from './answer-headers.ts';
import { renderRefusal } from './render-refusal.ts';

/** Refuses on a bare socket, for requests that never became one: unreadable, late, or CONNECT. */
export function refuseOnSocket(socket: Duplex, error: unknown, extra: readonly string[] = []): void {
  const traceId = traceIdOf(continueTrace(undefined));
  const { status, headers, body } = renderRefusal(error, { instance: '/', traceId });
  const text = JSON.stringify(body);
  const pairs = [
    ...Object.entries(headers).flat(),
    ...SECURITY_HEADERS,
    ...extra,
    ...['x-trace-id', traceId, 'date', new Date().toUTCString()],
    ...['connection', 'close', 'content-length', String(Buffer.byteLength(text))],
  ];
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i < pairs.length; i += 2) head += `${pairs[i]}: ${pairs[i + 1]}\r\n`;
  socket.end(`${head}\r\n${text}`, () => socket.destroy());
}
