import { randomFillSync } from 'node:crypto';

/** W3C Trace Context §3.2, version 00, taken apart. */
export type TraceParent = {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all zero. */
  readonly spanId: string;
  readonly isSampled: boolean;
};

// Version `ff` is forbidden; a later version than ours may append fields and means the same by the first four.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]([0-9a-f])(-.*)?$/;
const HEX = '0123456789abcdef';
/** Where the span's id begins, and the last digit of the flags. */
const SPAN_AT = 36;
const FLAG_AT = 54;

const isZero = (hex: string): boolean => /^0+$/.test(hex);

// Drawn many at a time: one draw of 24 bytes costs as much as one of 4096. Identifiers, not secrets.
const random = Buffer.alloc(4_096);
let used = random.length;

function randomHex(bytes: number): string {
  if (used + bytes > random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += bytes;
  return random.toString('hex', used - bytes, used);
}

export const newTraceId = (): string => randomHex(16);
export const newSpanId = (): string => randomHex(8);

/** Null for what is missing or malformed, which begins a trace of its own (§4.3). */
export function readTraceParent(header: string | undefined): TraceParent | null {
  if (header === undefined) return null;
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(header) ?? [];
  if (version === undefined || isZero(traceId) || isZero(spanId) || (version === '00' && more)) return null;
  return { traceId, spanId, isSampled: isOdd(flags.charCodeAt(0)) };
}

export const writeTraceParent = (traceId: string, spanId: string, isSampled: boolean): string =>
  `00-${traceId}-${spanId}-0${isSampled ? 1 : 0}`;

/**
 * A new hop of the trace that `parent` names, recorded when that one is; a new trace that nobody records when it is
 * missing or malformed.
 */
export function continueTrace(parent: string | undefined): string {
  const known = readTraceParent(parent);
  return writeTraceParent(known?.traceId ?? newTraceId(), newSpanId(), known?.isSampled ?? false);
}

/** The following three take what this module wrote. */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);
export const spanIdOf = (traceparent: string): string => traceparent.slice(SPAN_AT, SPAN_AT + 16);
export const isSampled = (traceparent: string): boolean => isOdd(traceparent.charCodeAt(FLAG_AT));

/**
 * The `number`th hop (1 to 15) that follows from this one. The same again when asked again, so that who needs it twice
 * has nothing to keep; as rare to meet another by chance as any id.
 */
export function derivedHop(traceparent: string, number: number): string {
  const digit = HEX[(Number.parseInt(traceparent.charAt(SPAN_AT), 16) + number) % 16];
  return `${traceparent.slice(0, SPAN_AT)}${digit}${traceparent.slice(SPAN_AT + 1)}`;
}

/** Of the character codes of digits and of a to f. */
const isOdd = (code: number): boolean => (code < 58 ? code % 2 === 1 : code % 2 === 0);
