import { bodyBytesOf, type LinkBody, writeBody } from './body.ts';
import { HEADER_BYTES, KIND, NO_DEADLINE, readU16, readU32, writeU16, writeU32 } from './frame.ts';
import type { GatheredWriter } from './gathered-writer.ts';
import {
  checkPath,
  checkReadPath,
  composeHead,
  endOfHead,
  type Headers,
  LENGTHS_BYTES,
  readHeaders,
  readText,
  writeHead,
} from './head.ts';
import type { LinkLimits } from './limits.ts';
import { LinkViolation } from './link-end.ts';

/** The place in the list is the number on the wire. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
export type LinkMethod = (typeof METHODS)[number];

const FIXED_BYTES = 16;

/** A request, checked and measured, before anything is taken for it. */
export type PreparedRequest = {
  readonly method: number;
  readonly path: string;
  readonly headers: Headers;
  readonly body: LinkBody;
  readonly text: string;
  readonly bodyBytes: number;
};

/** Throws a TypeError for what no request can be; null where the peer does not take as much. */
export function prepareRequest(
  request: { readonly method: LinkMethod; readonly path: string; readonly headers: Headers; readonly body: LinkBody },
  limits: LinkLimits,
): PreparedRequest | null {
  const { path, headers, body } = request;
  const method = METHODS.indexOf(request.method);
  if (method === -1) throw new TypeError(`A link carries no ${request.method}.`);
  checkPath(path);
  const text = composeHead(path, headers);
  const bodyBytes = bodyBytesOf(body);
  if (headers.length * 2 + text.length > limits.maxHeadBytes || bodyBytes > limits.maxBodyBytes) return null;
  return { method, path, headers, body, text, bodyBytes };
}

/**
 * u32 milliseconds left, u8 method, u8 zero, u16 length of the path, u16 headers, u16 zero, u32 length of the text;
 * lengths of the headers; text, which begins with the path; the rest is the body.
 */
export function writeRequest(
  writer: GatheredWriter,
  slot: number,
  generation: number,
  leftMs: number,
  { method, path, headers, body, text, bodyBytes }: PreparedRequest,
): void {
  const payloadBytes = FIXED_BYTES + headers.length * 2 + text.length + bodyBytes;
  const at = writer.begin(KIND.request, slot, generation, payloadBytes);
  const { slab } = writer;
  writeU32(slab, at, leftMs);
  slab[at + 4] = method;
  slab[at + 5] = 0;
  writeU16(slab, at + 6, path.length);
  writeU16(slab, at + 8, headers.length / 2);
  writeU16(slab, at + 10, 0);
  writeU32(slab, at + 12, text.length);
  writeBody(slab, writeHead(slab, at + FIXED_BYTES, headers, text), body);
}

export type ReadRequest = {
  readonly method: LinkMethod;
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer;
  /** Milliseconds; Infinity where nobody set a deadline. */
  readonly leftMs: number;
  /** With its header: what it holds of our memory. */
  readonly frameBytes: number;
};

export function readRequest(bytes: Buffer, start: number, end: number, limits: LinkLimits): ReadRequest {
  if (end - start < FIXED_BYTES) throw new LinkViolation('malformed-frame', `A REQUEST of ${end - start} bytes.`);
  const leftMs = readU32(bytes, start);
  const method = METHODS[bytes[start + 4] ?? METHODS.length];
  const pathBytes = readU16(bytes, start + 6);
  const count = readU16(bytes, start + 8);
  if (method === undefined || bytes[start + 5] !== 0 || readU16(bytes, start + 10) !== 0)
    throw new LinkViolation('malformed-frame', 'A REQUEST without a method that we know.');
  const tableAt = start + FIXED_BYTES;
  const bodyAt = endOfHead(tableAt, count, readU32(bytes, start + 12), end, limits);
  const text = readText(bytes, tableAt + count * LENGTHS_BYTES, bodyAt);
  const path = text.slice(0, pathBytes);
  checkReadPath(path);
  return {
    method,
    path,
    headers: readHeaders(bytes, tableAt, count, text, pathBytes),
    body: bytes.subarray(bodyAt, end),
    leftMs: leftMs === NO_DEADLINE ? Number.POSITIVE_INFINITY : leftMs,
    frameBytes: HEADER_BYTES + end - start,
  };
}
