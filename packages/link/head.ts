import { readU16, writeU16 } from './frame.ts';
import type { LinkLimits } from './limits.ts';
import { LinkViolation } from './link-end.ts';

/**
 * The head of a request or answer: u16 lengths of every name and value, then all of them as one text. One text is checked,
 * written and read at once; a name or value is then a slice of it.
 */
export const LENGTHS_BYTES = 4;
const MAX_PART_BYTES = 0xffff;
const MAX_HEADERS = 256;

// RFC 9110 §5.5 and §5.6.2; names in lower case, as Node gives them. A byte is a character of latin1.
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const PATH = /^\/[\x21-\x7e\x80-\xff]*$/; // what Node's own HTTP takes

/** Names and values in turn. */
export type Headers = readonly string[];

/** The text of a head, checked. `path` is empty in an answer. Throws a TypeError: that is the caller's own mistake. */
export function composeHead(path: string, headers: Headers): string {
  if (headers.length % 2 !== 0) throw new TypeError('Headers are names and values in turn; one value is missing.');
  if (headers.length > MAX_HEADERS * 2) throw new TypeError(`A head has at most ${MAX_HEADERS} headers.`);
  let text = path;
  for (let index = 0; index < headers.length; index++) {
    const part = headers[index] ?? '';
    if (part.length > MAX_PART_BYTES) throw new TypeError(`A header has at most ${MAX_PART_BYTES} bytes.`);
    if (index % 2 === 0 && !NAME.test(part))
      throw new TypeError(`${JSON.stringify(part)} is no name of a header; names are in lower case.`);
    text += part;
  }
  if (NOT_IN_VALUE.test(text)) throw new TypeError('A header holds a character that headers cannot carry.');
  return text;
}

export function checkPath(path: string): void {
  if (path.length > MAX_PART_BYTES || !PATH.test(path))
    throw new TypeError('A path begins with "/" and has no blanks; encode what is not ASCII.');
}

/** Writes what `composeHead` has checked. Answers where it ends. */
export function writeHead(bytes: Buffer, at: number, headers: Headers, text: string): number {
  let next = at;
  for (let index = 0; index < headers.length; index++) {
    writeU16(bytes, next, (headers[index] ?? '').length);
    next += 2;
  }
  return next + bytes.write(text, next, 'latin1');
}

/** The reader's view of a head: where its table lies, how many headers, the whole text, and where in it they begin. */
export function readHeaders(bytes: Buffer, tableAt: number, count: number, text: string, from: number): string[] {
  const headers: string[] = new Array(count * 2);
  let at = from;
  for (let index = 0; index < count * 2; index++) {
    const end = at + readU16(bytes, tableAt + index * 2);
    const part = text.slice(at, end);
    if (index % 2 === 0 && !NAME.test(part))
      throw new LinkViolation('malformed-head', `Header ${index / 2} has no name.`);
    headers[index] = part;
    at = end;
  }
  // Slices past the end are empty, so one comparison sees every length that is wrong.
  if (at !== text.length)
    throw new LinkViolation('malformed-head', `Headers of ${at} characters in a text of ${text.length}.`);
  return headers;
}

/** The text of a head, or a violation. */
export function readText(bytes: Buffer, at: number, end: number): string {
  const text = bytes.toString('latin1', at, end);
  if (NOT_IN_VALUE.test(text)) throw new LinkViolation('malformed-head', 'A head holds control characters.');
  return text;
}

export function checkReadPath(path: string): void {
  if (!PATH.test(path)) throw new LinkViolation('malformed-head', 'The path does not begin with "/" or has a blank.');
}

/** Where the body begins, once it is sure that table, text and body fit the frame and our limits. */
export function endOfHead(tableAt: number, count: number, textBytes: number, end: number, limits: LinkLimits): number {
  const headBytes = count * LENGTHS_BYTES + textBytes;
  if (count > MAX_HEADERS || headBytes > limits.maxHeadBytes)
    throw new LinkViolation('head-too-large', `A head of ${count} headers and ${headBytes} bytes.`);
  const bodyAt = tableAt + headBytes;
  if (bodyAt > end) throw new LinkViolation('malformed-frame', 'A head that is longer than its frame.');
  if (end - bodyAt > limits.maxBodyBytes)
    throw new LinkViolation('frame-too-large', `A body of ${end - bodyAt} bytes; ${limits.maxBodyBytes} are allowed.`);
  return bodyAt;
}
