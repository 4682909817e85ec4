/** The Distinguished Encoding Rules (ITU-T X.690), as far as a certificate needs them: tag, length, content. */
const write = (tag: number, ...contents: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
};

/** X.690 §8.1.3: up to 127 in one octet, more with the number of octets before them. */
function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff);
  return Buffer.from([0x80 | octets.length, ...octets]);
}

export const sequence = (...parts: readonly Buffer[]): Buffer => write(0x30, ...parts);
export const set = (...parts: readonly Buffer[]): Buffer => write(0x31, ...parts);
/** The content as it is to stand: positive numbers begin with a bit that is 0. */
export const integer = (content: Buffer): Buffer => write(0x02, content);
export const truth = (value: boolean): Buffer => write(0x01, Buffer.from([value ? 0xff : 0x00]));
/** The first octet of the content counts the bits of the last that do not count. */
export const bits = (content: Buffer): Buffer => write(0x03, content);
export const bytes = (content: Buffer): Buffer => write(0x04, content);
export const utf8 = (text: string): Buffer => write(0x0c, Buffer.from(text));
/** `[n]` around something else, and `[n]` in place of a simple type's own tag. */
export const explicit = (number: number, content: Buffer): Buffer => write(0xa0 | number, content);
export const tagged = (number: number, content: Buffer): Buffer => write(0x80 | number, content);

/** UTCTime, which RFC 5280 §4.1.2.5 wants up to 2049, to the second. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return write(0x17, Buffer.from(digits.slice(2)));
}

/** X.690 §8.19: the first two numbers in one, each in base 128 with a bit that says whether more follows. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return write(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(number: number): number[] {
  const octets = [number & 0x7f];
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) octets.unshift((rest & 0x7f) | 0x80);
  return octets;
}
