import type { LinkEnd } from './link-end.ts';

/** Why a call got no answer. */
export type FailureReason =
  /** The peer's window, or what waits to be sent or worked on, is full. */
  | 'busy'
  /** More than the link carries: the request, or the answer to it. Plain HTTP carries it. */
  | 'too-large'
  /** The link takes no more calls; another, or a new one, does. */
  | 'draining'
  /** The link has ended. */
  | 'closed'
  /** The link ended while the call was under way. */
  | 'lost'
  | 'deadline'
  | 'cancelled'
  /** The peer's handler broke without an answer. */
  | 'failed';

const SENTENCES: Readonly<Record<FailureReason, string>> = {
  busy: 'The link has no room for another call right now.',
  'too-large': 'This is more than a link carries; it takes plain HTTP.',
  draining: 'The link takes no more calls.',
  closed: 'The link has ended.',
  lost: 'The link ended before the answer came.',
  deadline: 'The deadline has passed.',
  cancelled: 'The call was cancelled.',
  failed: 'The other side failed without an answer.',
};

/** A call that got no answer. What it means for the user is the caller's to say. */
export class LinkFailure extends Error {
  readonly reason: FailureReason;
  /**
   * False: the peer has certainly done nothing, so the call may go elsewhere whatever it is. True: it may have been acted
   * on, so only what is safe to do twice may be repeated.
   */
  readonly mayHaveActed: boolean;
  /** How the link ended, where that is the cause. */
  readonly end: LinkEnd | null;

  constructor(reason: FailureReason, mayHaveActed: boolean, end: LinkEnd | null = null) {
    super(end === null ? SENTENCES[reason] : `${SENTENCES[reason]} (${end.reason}, by ${end.by}: ${end.detail})`);
    this.name = 'LinkFailure';
    this.reason = reason;
    this.mayHaveActed = mayHaveActed;
    this.end = end;
  }
}
