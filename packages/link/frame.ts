/** Every frame: u32 length of what follows the header, u8 kind, u8 zero, u16 slot, u32 generation. Numbers are big-endian. */
export const HEADER_BYTES = 12;

export const KIND = {
  hello: 1,
  request: 2,
  answer: 3,
  refusal: 4,
  cancel: 5,
  ping: 6,
  pong: 7,
  drain: 8,
  last: 9,
  close: 10,
} as const;

export const LAST_KIND = KIND.close;

/** Before the peer has introduced itself it gets no more memory than an introduction takes; later versions may append. */
export const MAX_HELLO_BYTES = 256;

/** As milliseconds left in a request: nobody set a deadline. */
export const NO_DEADLINE = 0xffff_ffff;

export const readU16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

export const readU32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function writeHeader(
  bytes: Uint8Array,
  at: number,
  kind: number,
  slot: number,
  generation: number,
  length: number,
): void {
  writeU32(bytes, at, length);
  bytes[at + 4] = kind;
  bytes[at + 5] = 0;
  writeU16(bytes, at + 6, slot);
  writeU32(bytes, at + 8, generation);
}
