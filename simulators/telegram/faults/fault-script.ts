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

export type ScriptedFault = {
  readonly id: number;
  readonly match: FaultMatch;
  readonly fault: Fault;
  /** Null: until it is deleted. */
  remaining: number | null;
};

export type FaultSubject = {
  readonly token: string;
  readonly botId: number;
  readonly method: string;
  readonly chatId: string | undefined;
};

/** Failures ordered in advance. The first that matches a call is used up by it. */
export class FaultScript {
  #faults: ScriptedFault[] = [];
  #lastId = 0;

  add(match: FaultMatch, fault: Fault, times: number | null): ScriptedFault {
    this.#lastId += 1;
    const scripted = { id: this.#lastId, match, fault, remaining: times };
    this.#faults.push(scripted);
    return scripted;
  }

  take(subject: FaultSubject): Fault | undefined {
    const scripted = this.#faults.find(({ match }) => matches(match, subject));
    if (scripted === undefined) return undefined;
    if (scripted.remaining !== null) {
      scripted.remaining -= 1;
      if (scripted.remaining <= 0) this.remove(scripted.id);
    }
    return scripted.fault;
  }

  list(): readonly ScriptedFault[] {
    return this.#faults;
  }

  remove(id: number): boolean {
    const before = this.#faults.length;
    this.#faults = this.#faults.filter((fault) => fault.id !== id);
    return this.#faults.length < before;
  }

  clear(): void {
    this.#faults = [];
  }
}

const matches = (match: FaultMatch, subject: FaultSubject): boolean =>
  (match.token === undefined || match.token === subject.token) &&
  (match.botId === undefined || match.botId === subject.botId) &&
  (match.method === undefined || match.method.toLowerCase() === subject.method.toLowerCase()) &&
  (match.chatId === undefined || String(match.chatId) === subject.chatId);
