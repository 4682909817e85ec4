/**
 * Why a link ended. The place in the list is the number on the wire: a reason keeps its own for ever, new ones go to the end.
 */
const END_REASONS = [
  'unexplained',
  /** Everything was answered, and nothing more was to come. */
  'drained',
  'drain-overdue',
  /** Closed on purpose with calls under way. */
  'going-away',
  /** Nothing came for too long, not even an answer to a ping. */
  'silent',
  /** The peer does not read what it asked for. */
  'stalled',
  'hello-too-late',
  // From here on: what only a peer that is broken or hostile does.
  'not-a-link',
  'no-common-version',
  'malformed-hello',
  'unknown-frame',
  'malformed-frame',
  'frame-too-large',
  'head-too-large',
  'malformed-head',
  'unexpected-frame',
  'window-exceeded',
  'slot-taken',
  'out-of-order',
  'unknown-call',
  'ping-flood',
  // From here on: what nobody could have told the other about.
  'truncated',
  'connection-lost',
] as const;

export type EndReason = (typeof END_REASONS)[number];

export type LinkEnd = {
  readonly reason: EndReason;
  /** Who decided it; 'network' where the connection ended without a word. */
  readonly by: 'us' | 'peer' | 'network';
  /** For the log: what exactly was wrong. Holds nothing that the peer sent but numbers. */
  readonly detail: string;
};

export const codeOf = (reason: EndReason): number => END_REASONS.indexOf(reason);

export const reasonOf = (code: number): EndReason => END_REASONS[code] ?? 'unexplained';

/** What a peer must not send. Never leaves this package: it ends the link. */
export class LinkViolation extends Error {
  readonly reason: EndReason;

  constructor(reason: EndReason, detail: string) {
    super(detail);
    this.name = 'LinkViolation';
    this.reason = reason;
  }
}
