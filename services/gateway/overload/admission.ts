import type { Exchange, Stay } from '../edge/exchange.ts';
import { Roll } from '../edge/roll.ts';
import { overloaded } from '../problems.ts';
import type { Baseline } from './baseline.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { FairShare, type Refused } from './fair-share.ts';
import { PreparedRefusal, RefusalTemplate } from './prepared-refusal.ts';

export type AdmissionOptions = {
  /** Most requests under way at a time. */
  readonly maxInFlight: number;
  readonly weightOf: (exchange: Exchange) => number;
  readonly monotonicMs?: () => number;
};

const MIN_IN_FLIGHT = 64;
const USUAL_IN_FLIGHT = 1_024;
const TICK_MS = 100;
/** The API's budget: an answer within it is no sign of overload, however fast it usually is. */
const PROMPT_MS = 50;
const RETRY_AFTER_SECONDS = 1;
/** What has no token shares one place: whoever has many addresses must not have many shares. */
const NOBODY = 'public';
const NOBODYS_WEIGHT = 4;

const REFUSALS: Readonly<Record<Refused, PreparedRefusal>> = {
  'over-share': new PreparedRefusal(
    new RefusalTemplate(
      overloaded('The system is busy and you have your share of it under way. Wait for answers, then try again.'),
    ),
    RETRY_AFTER_SECONDS,
  ),
  full: new PreparedRefusal(
    new RefusalTemplate(overloaded('The system is busy. Try again shortly.')),
    RETRY_AFTER_SECONDS,
  ),
};

/**
 * Lets requests in to the services, as many at a time as they and this process can work on, divided fairly among
 * tenants. A request is under way from here to the end of its answer, or until a long answer has begun: what streams
 * occupies nobody.
 */
export class Admission {
  readonly counts = { admitted: 0, refused: { 'over-share': 0, full: 0 } satisfies Record<Refused, number> };
  readonly #limit: ConcurrencyLimit;
  readonly #shares: FairShare;
  readonly #weightOf: (exchange: Exchange) => number;
  readonly #monotonicMs: () => number;
  readonly #stays = new Roll<Stay>();
  readonly #timer: NodeJS.Timeout;
  #tickedAtMs: number;

  constructor({ maxInFlight, weightOf, monotonicMs = () => performance.now() }: AdmissionOptions) {
    this.#monotonicMs = monotonicMs;
    this.#weightOf = weightOf;
    this.#limit = new ConcurrencyLimit({ min: MIN_IN_FLIGHT, usual: USUAL_IN_FLIGHT, max: maxInFlight, monotonicMs });
    this.#shares = new FairShare(this.#limit);
    this.#tickedAtMs = monotonicMs();
    this.#timer = setInterval(() => this.tick(), TICK_MS);
    this.#timer.unref();
  }

  get limit(): number {
    return this.#limit.limit;
  }

  get inFlight(): number {
    return this.#shares.inFlight;
  }

  /** The step of the pipeline. */
  readonly enter = (exchange: Exchange): void => {
    const { verified } = exchange;
    const holder =
      verified === null
        ? this.#shares.tryEnter(NOBODY, NOBODYS_WEIGHT)
        : this.#shares.tryEnter(verified.claims.tenantId, this.#weightOf(exchange));
    if (typeof holder === 'string') {
      this.counts.refused[holder]++;
      throw REFUSALS[holder];
    }
    this.counts.admitted++;
    this.#limit.entered(this.#shares.inFlight);
    exchange.stay = { exchange, holder, enteredAtMs: this.#monotonicMs(), place: -1 };
    this.#stays.add(exchange.stay);
  };

  /** For the end of every exchange, whether it came in or not. */
  leave(exchange: Exchange): void {
    const { stay } = exchange;
    if (stay === null) return;
    this.#end(stay);
    const { response, route } = exchange;
    if (route === null) return;
    const { statusCode } = response;
    if (statusCode === 504) this.#limit.answered(null);
    // A client that left says nothing about us, and neither does a refusal that came at once.
    else if (response.writableFinished && statusCode < 500 && statusCode !== 429)
      this.#limit.answered(this.#slowdown(route.state.baseline, stay.enteredAtMs));
  }

  /** Ten times a second: sees how late it is itself, lets go of long answers, and forgets who is not there any more. */
  tick(): void {
    const nowMs = this.#monotonicMs();
    this.#limit.ticked(nowMs - this.#tickedAtMs - TICK_MS);
    this.#tickedAtMs = nowMs;
    this.#shares.tidy();
    for (const stay of [...this.#stays.items])
      if (stay.exchange.response.headersSent && nowMs - stay.enteredAtMs >= TICK_MS) this.#end(stay);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #end(stay: Stay): void {
    stay.exchange.stay = null;
    this.#stays.delete(stay);
    this.#shares.leave(stay.holder);
  }

  #slowdown(baseline: Baseline, enteredAtMs: number): number {
    const nowMs = this.#monotonicMs();
    const tookMs = nowMs - enteredAtMs;
    const slowdown = baseline.slowdownOf(tookMs, nowMs);
    return tookMs <= PROMPT_MS ? 1 : slowdown;
  }
}
