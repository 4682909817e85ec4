import { once } from 'node:events';
import type { Socket } from 'node:net';
import { HEADER_BYTES, KIND, readU16, readU32, writeHeader, writeU16, writeU32 } from '../frame.ts';
import { type EndReason, reasonOf } from '../link-end.ts';

/** A frame byte by byte, also one that the link would never send. */
export function frame(kind: number, payload: Uint8Array = new Uint8Array(), slot = 0, generation = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  writeHeader(bytes, 0, kind, slot, generation, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

type HelloFields = { role: number; versions: [number, number]; head: number; body: number; window: number };

export function hello(fields: Partial<HelloFields>, more: Uint8Array = new Uint8Array()): Buffer {
  const { role = 1, versions = [1, 1], head = 32_768, body = 262_144, window = role === 2 ? 16 : 0 } = fields;
  const payload = Buffer.from([0x54, 0x4c, 0x4e, 0x4b, ...versions, role, 0, ...new Array(12).fill(0)]);
  writeU32(payload, 8, head);
  writeU32(payload, 12, body);
  writeU32(payload, 16, window);
  return frame(KIND.hello, Buffer.concat([payload, more]));
}

type RequestFields = {
  leftMs: number;
  method: number;
  pathBytes: number;
  headers: number;
  textBytes: number;
  lengths: readonly number[];
  text: string;
  body: string;
};

/** A request for `/` unless said otherwise; every length can be a lie. */
export function requestPayload(fields: Partial<RequestFields> = {}): Buffer {
  const { leftMs = 1_000, method = 0, lengths = [], text = '/', body = '', headers = lengths.length / 2 } = fields;
  const head = Buffer.alloc(16 + lengths.length * 2);
  writeU32(head, 0, leftMs);
  head[4] = method;
  writeU16(head, 6, fields.pathBytes ?? 1);
  writeU16(head, 8, headers);
  writeU32(head, 12, fields.textBytes ?? text.length);
  for (const [index, length] of lengths.entries()) writeU16(head, 16 + index * 2, length);
  return Buffer.concat([head, Buffer.from(text, 'latin1'), Buffer.from(body)]);
}

export function answerPayload(status: number, headers = 0, textBytes = 0, rest = ''): Buffer {
  const payload = Buffer.alloc(8 + rest.length, rest.padStart(rest.length + 8), 'latin1');
  writeU16(payload, 0, status);
  writeU16(payload, 2, headers);
  writeU32(payload, 4, textBytes);
  return payload;
}

/** The reason in the CLOSE that ends what came, if one does. */
export function closeReasonIn(received: Buffer): EndReason | null {
  const at = received.length - HEADER_BYTES - 2;
  if (at < 0 || readU32(received, at) !== 2 || received[at + 4] !== KIND.close) return null;
  return reasonOf(readU16(received, at + HEADER_BYTES));
}

/** Sends bytes, and collects what the other side says until it ends the connection. */
export async function converse(socket: Socket, pieces: readonly Uint8Array[]): Promise<Buffer> {
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.on('error', () => undefined); // it may reset what it no longer reads
  for (const piece of pieces) socket.write(piece);
  if (!socket.destroyed) await once(socket, 'close');
  return Buffer.concat(received);
}
