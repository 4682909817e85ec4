export type Fault =
  /** RFC 5321 §4.2.2: 451, try again later. */
  | { readonly kind: 'temporary'; readonly stage?: Stage }
  /** 550, never try again. */
  | { readonly kind: 'permanent'; readonly stage?: Stage }
  /** RFC 6647: a sender and recipient seen for the first time are refused with 451 until some time has passed. */
  | { readonly kind: 'greylist'; readonly delaySeconds: number }
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** The message is kept, but the connection breaks before the sender hears so. */
  | { readonly kind: 'drop-after-data' };

/** Where a refusal is said: at RCPT TO, or once the message has been transferred. */
export type Stage = 'recipient' | 'data';
export type FaultMatch = { readonly to?: string | undefined; readonly from?: string | undefined };
export type Envelope = { readonly from: string; readonly to: string };

export type ScriptedFault = {
  readonly id: number;
  readonly match: FaultMatch;
  readonly fault: Fault;
  /** Null: until it is deleted. */
  remaining: number | null;
};

/** Failures ordered in advance; one that strikes at this stage is used up by it. */
export class FaultScript {
  #faults: ScriptedFault[] = [];
  #lastId = 0;
  readonly #firstSeenAtMs = new Map<string, number>();

  add(match: FaultMatch, fault: Fault, times: number | null): ScriptedFault {
    this.#lastId += 1;
    const scripted = { id: this.#lastId, match, fault, remaining: times };
    this.#faults.push(scripted);
    return scripted;
  }

  take(stage: Stage, envelope: Envelope): Exclude<Fault, { kind: 'greylist' }> | undefined {
    for (const scripted of this.#faults) {
      const { fault, match } = scripted;
      if (fault.kind === 'greylist' || stageOf(fault) !== stage || !matches(match, envelope)) continue;
      if (scripted.remaining !== null) {
        scripted.remaining -= 1;
        if (scripted.remaining <= 0) this.remove(scripted.id);
      }
      return fault;
    }
    return undefined;
  }

  /** A greylist refuses every new pair once, so it is not used up; it stays until it is deleted. */
  isGreylisted(envelope: Envelope, nowMs: number): boolean {
    for (const { fault, match, id } of this.#faults) {
      if (fault.kind !== 'greylist' || !matches(match, envelope)) continue;
      const pair = `${id} ${envelope.from} ${envelope.to}`.toLowerCase();
      const firstSeenAtMs = this.#firstSeenAtMs.get(pair);
      if (firstSeenAtMs === undefined) this.#firstSeenAtMs.set(pair, nowMs);
      if (firstSeenAtMs === undefined || nowMs - firstSeenAtMs < fault.delaySeconds * 1000) return true;
    }
    return false;
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
    this.#firstSeenAtMs.clear();
  }
}

function stageOf(fault: Exclude<Fault, { kind: 'greylist' }>): Stage {
  return fault.kind === 'drop-after-data' || fault.kind === 'delay' ? 'data' : (fault.stage ?? 'recipient');
}

const matches = (match: FaultMatch, envelope: Envelope): boolean =>
  (match.to === undefined || sameAddress(match.to, envelope.to)) &&
  (match.from === undefined || sameAddress(match.from, envelope.from));

/** Strictly only the domain ignores case; no mail system anybody uses tells local parts apart by case. */
export const sameAddress = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
