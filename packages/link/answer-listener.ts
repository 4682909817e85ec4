import type { LinkFailure } from './link-failure.ts';

/** Hears once of each call that was begun: the answer, or that there will be none. Not after it was cancelled. */
export type AnswerListener = {
  /** `body` is a view of what was read from the socket: copy what is kept for long. */
  onAnswer(status: number, headers: string[], body: Buffer): void;
  onFailure(failure: LinkFailure): void;
};
