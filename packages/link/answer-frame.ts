import { bodyBytesOf, type LinkBody, writeBody } from './body.ts';
import { KIND, readU16, readU32, writeU16, writeU32 } from './frame.ts';
import type { GatheredWriter } from './gathered-writer.ts';
import { composeHead, endOfHead, type Headers, LENGTHS_BYTES, readHeaders, readText, writeHead } from './head.ts';
import { isWithin, type LinkLimits } from './limits.ts';
import { LinkViolation } from './link-end.ts';

const FIXED_BYTES = 8;

/**
 * u16 status, u16 headers, u32 length of the text; lengths of the headers; text; the rest is the body. Throws a TypeError
 * for what no answer can be; false, with nothing written, where the caller does not take as much.
 */
export function writeAnswer(
  writer: GatheredWriter,
  slot: number,
  generation: number,
  status: number,
  headers: Headers,
  body: LinkBody,
  limits: LinkLimits,
): boolean {
  if (!isWithin(status, 200, 599)) throw new TypeError(`An answer has a status from 200 to 599, not ${status}.`);
  const text = composeHead('', headers);
  const bodyBytes = bodyBytesOf(body);
  const headBytes = headers.length * 2 + text.length;
  if (headBytes > limits.maxHeadBytes || bodyBytes > limits.maxBodyBytes) return false;
  const at = writer.begin(KIND.answer, slot, generation, FIXED_BYTES + headBytes + bodyBytes);
  const { slab } = writer;
  writeU16(slab, at, status);
  writeU16(slab, at + 2, headers.length / 2);
  writeU32(slab, at + 4, text.length);
  writeBody(slab, writeHead(slab, at + FIXED_BYTES, headers, text), body);
  return true;
}

export type LinkAnswer = {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: string[];
  /** A view of what was read from the socket: copy what is kept for long. */
  readonly body: Buffer;
};

export function readAnswer(bytes: Buffer, start: number, end: number, limits: LinkLimits): LinkAnswer {
  if (end - start < FIXED_BYTES) throw new LinkViolation('malformed-frame', `An ANSWER of ${end - start} bytes.`);
  const status = readU16(bytes, start);
  if (!isWithin(status, 200, 599)) throw new LinkViolation('malformed-frame', `An ANSWER with the status ${status}.`);
  const count = readU16(bytes, start + 2);
  const tableAt = start + FIXED_BYTES;
  const bodyAt = endOfHead(tableAt, count, readU32(bytes, start + 4), end, limits);
  const text = readText(bytes, tableAt + count * LENGTHS_BYTES, bodyAt);
  return { status, headers: readHeaders(bytes, tableAt, count, text, 0), body: bytes.subarray(bodyAt, end) };
}
