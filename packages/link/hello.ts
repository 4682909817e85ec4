import { KIND, readU16, readU32, writeU32 } from './frame.ts';
import type { GatheredWriter } from './gathered-writer.ts';
import { areSane, isWithin, type LinkLimits, MAX_WINDOW } from './limits.ts';
import { LinkViolation } from './link-end.ts';

/** "TLNK": whoever speaks something else on this port is found out by the first frame. */
const MAGIC = 0x544c4e4b;
const VERSION = { min: 1, max: 1 };
const HELLO_BYTES = 20;

export const ROLE = { caller: 1, answerer: 2 } as const;
export type Role = (typeof ROLE)[keyof typeof ROLE];

export type Hello = LinkLimits & {
  readonly version: number;
  /** How many calls at a time the answering end takes; 0 from the calling end. */
  readonly window: number;
};

/** u32 magic, u8 oldest version, u8 newest, u8 role, u8 zero, u32 head limit, u32 body limit, u32 window; more is ignored. */
export function writeHello(writer: GatheredWriter, role: Role, limits: LinkLimits, window: number): void {
  const at = writer.begin(KIND.hello, 0, 0, HELLO_BYTES);
  const { slab } = writer;
  writeU32(slab, at, MAGIC);
  slab[at + 4] = VERSION.min;
  slab[at + 5] = VERSION.max;
  slab[at + 6] = role;
  slab[at + 7] = 0;
  writeU32(slab, at + 8, limits.maxHeadBytes);
  writeU32(slab, at + 12, limits.maxBodyBytes);
  writeU32(slab, at + 16, window);
}

/** The peer's, which must have the other role. */
export function readHello(bytes: Buffer, start: number, end: number, role: Role): Hello {
  if (end - start < 8 || readU32(bytes, start) !== MAGIC) throw notALink();
  const [oldest, newest] = [bytes[start + 4] ?? 0, bytes[start + 5] ?? 0];
  const version = Math.min(newest, VERSION.max);
  if (version < Math.max(oldest, VERSION.min))
    throw new LinkViolation(
      'no-common-version',
      `The peer speaks versions ${oldest} to ${newest}, we ${VERSION.min} to ${VERSION.max}.`,
    );
  if (end - start < HELLO_BYTES) throw new LinkViolation('malformed-hello', `A HELLO of ${end - start} bytes.`);
  if (bytes[start + 6] !== role)
    throw new LinkViolation('unexpected-frame', 'Both ends of the link want to call, or both to answer.');
  const hello = {
    version,
    maxHeadBytes: readU32(bytes, start + 8),
    maxBodyBytes: readU32(bytes, start + 12),
    window: readU32(bytes, start + 16),
  };
  const isWindowSane = role === ROLE.answerer ? isWithin(hello.window, 1, MAX_WINDOW) : hello.window === 0;
  if (readU16(bytes, start + 6) !== role << 8 || !areSane(hello) || !isWindowSane)
    throw new LinkViolation('malformed-hello', 'A HELLO with limits that nobody can mean.');
  return hello;
}

export const notALink = (): LinkViolation =>
  new LinkViolation('not-a-link', 'What came first is no HELLO; does somebody speak HTTP, or TLS, to this port?');
