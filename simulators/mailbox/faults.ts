import type { FaultScript } from '../shared/fault-script.ts';

export type Fault =
  /** RFC 5321 §4.2.2: 451, try again later. */
  | { readonly kind: 'temporary'; readonly stage?: Stage }
  /** 550, never try again. */
  | { readonly kind: 'permanent'; readonly stage?: Stage }
  /** RFC 6647: a sender and recipient seen for the first time are refused with 451 until some time has passed. */
  | { readonly kind: 'greylist'; readonly delaySeconds?: number }
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** The message is kept, but the connection breaks before the sender hears so. */
  | { readonly kind: 'drop-after-data' };

/** Where a refusal is said: at RCPT TO, or once the message has been transferred. */
export type Stage = 'recipient' | 'data';
export type FaultMatch = { readonly to?: string | undefined; readonly from?: string | undefined };
export type Envelope = { readonly from: string; readonly to: string };

export type Faults = FaultScript<FaultMatch, Fault>;

/** What strikes this message at this stage; it is used up by it. */
export const takeFault = (faults: Faults, stage: Stage, envelope: Envelope): Fault | undefined =>
  faults.takeFirst((match, fault) => stageOf(fault) === stage && matchesEnvelope(match, envelope));

function stageOf(fault: Fault): Stage | undefined {
  if (fault.kind === 'greylist') return undefined;
  return fault.kind === 'drop-after-data' || fault.kind === 'delay' ? 'data' : (fault.stage ?? 'recipient');
}

export const matchesEnvelope = (match: FaultMatch, envelope: Envelope): boolean =>
  (match.to === undefined || sameAddress(match.to, envelope.to)) &&
  (match.from === undefined || sameAddress(match.from, envelope.from));

/** Strictly only the domain ignores case; no mail system anybody uses tells local parts apart by case. */
export const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
