import type { FaultScript } from '../shared/fault-script.ts';

export type Fault =
  | { readonly kind: '429'; readonly retry_after: number }
  | { readonly kind: '500' }
  | { readonly kind: '502-html' }
  /** Accepts the request and never answers. */
  | { readonly kind: 'hang' }
  /** Breaks the connection without an answer; nothing happened. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Does what was asked, then never answers: the caller cannot know. */
  | { readonly kind: 'timeout-after-success' }
  | { readonly kind: 'error'; readonly error_code: number; readonly description: string };

export type FaultMatch = {
  readonly token?: string | undefined;
  readonly botId?: number | undefined;
  readonly method?: string | undefined;
  readonly chatId?: number | string | undefined;
};

export type Faults = FaultScript<FaultMatch, Fault>;

export type FaultSubject = {
  readonly token: string;
  readonly botId: number;
  readonly method: string;
  readonly chatId: string | undefined;
};

export const matchesFault = (match: FaultMatch, subject: FaultSubject): boolean =>
  (match.token === undefined || match.token === subject.token) &&
  (match.botId === undefined || match.botId === subject.botId) &&
  (match.method === undefined || match.method.toLowerCase() === subject.method.toLowerCase()) &&
  (match.chatId === undefined || String(match.chatId) === subject.chatId);
