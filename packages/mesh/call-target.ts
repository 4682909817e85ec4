import type { AnswerListener } from '@tenantry/link/answer-listener.ts';
import type { OutgoingRequest } from '@tenantry/link/calling-link.ts';
import type { LinkFailure } from '@tenantry/link/link-failure.ts';
import type { Ticket } from '@tenantry/link/places.ts';
import type { InstanceRecord } from './registry.ts';

/** Where calls with a whole, small body can be sent without HTTP: a link, or a function in the same process. */
export type CallTarget = {
  /** Whether the next call would find room. Where it would not, plain HTTP is there. */
  readonly hasRoom: boolean;
  /**
   * Begins a call. Answers with its ticket, and the listener hears once of it, never before this has returned; or with why
   * it was not begun, and the listener hears nothing. Names of headers are in lower case.
   */
  send(request: OutgoingRequest, listener: AnswerListener): Ticket | LinkFailure;
  /** Nobody waits any more, and the listener hears nothing. False if the call had ended already. */
  cancel(ticket: Ticket): boolean;
};

/** The targets of all instances, as one process knows them. */
export type CallTargets = {
  /**
   * What the next call to this instance can be sent to; null where plain HTTP is the way now. Ask for every call, and keep the
   * target until the call is over: the next call may get another, and a ticket belongs to the target that gave it.
   */
  readonly of: (instance: InstanceRecord) => CallTarget | null;
  readonly close: () => Promise<void>;
};
