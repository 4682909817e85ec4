import type { LinkBody } from './body.ts';
import type { Headers } from './head.ts';
import type { IncomingCall } from './incoming-call.ts';

export type AnswerGiven = { readonly status: number; readonly headers?: Headers; readonly body?: LinkBody };

/**
 * A handler from a function that answers with a promise. A rejection is a fault of ours: the caller hears `failed`, we hear
 * what it was.
 */
export const answerWith =
  (work: (call: IncomingCall) => Promise<AnswerGiven>, onFault: (fault: unknown) => void) =>
  (call: IncomingCall): void => {
    work(call)
      .then(({ status, headers = [], body = null }) => call.answer(status, headers, body))
      .catch((fault: unknown) => {
        // Work that stopped because nobody waits any more has done as it was told.
        if (call.abandoned === null) onFault(fault);
        if (!call.hasEnded) call.fail();
      });
  };
