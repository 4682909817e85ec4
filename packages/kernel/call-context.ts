import { AsyncLocalStorage } from 'node:async_hooks';
import { randomFillSync } from 'node:crypto';

/** What travels with a piece of work through every hop: its trace, and the moment after which nobody waits for it. */
export type CallContext = {
  /** W3C Trace Context, version 00: `00-<32 hex trace id>-<16 hex span id>-<flags>`. */
  readonly traceparent: string;
  /** Milliseconds since the epoch; Infinity where nobody set one. */
  readonly deadlineMs: number;
};

// Version `ff` is forbidden; a later version than ours may append fields and means the same by the first four.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

const current = new AsyncLocalStorage<CallContext>();

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

/** A new hop of the trace that `parent` names; a new trace when it is missing or malformed (W3C Trace Context §4.3). */
export function continueTrace(parent: string | undefined): string {
  const [, version, traceId = '', spanId = '', more] = TRACEPARENT.exec(parent ?? '') ?? [];
  const isKnown = version !== undefined && !isZero(traceId) && !isZero(spanId) && !(version === '00' && more);
  return `00-${isKnown ? traceId : randomHex(16)}-${randomHex(8)}-01`;
}

export const runWithContext = <T>(context: CallContext, work: () => T): T => current.run(context, work);

/** Work that nobody waits for: it has a trace but no deadline. */
export const runInBackground = <T>(traceparent: string, work: () => T): T =>
  current.run({ traceparent: continueTrace(traceparent), deadlineMs: Number.POSITIVE_INFINITY }, work);

/** The trace of whatever is running; outside of any, a new one. */
export const currentTraceparent = (): string => current.getStore()?.traceparent ?? continueTrace(undefined);

export const currentDeadlineMs = (): number => current.getStore()?.deadlineMs ?? Number.POSITIVE_INFINITY;

export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);
