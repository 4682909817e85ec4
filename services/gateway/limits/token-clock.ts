import type { Decision, Policy } from './decision.ts';

/**
 * The generic cell rate algorithm (ITU-T I.371): a bucket of `limit` tokens that refills evenly over the window, kept as
 * a single moment, the one at which the bucket would be full again. Redis runs the same arithmetic in `BUY_TOKENS`.
 */
export class TokenClock {
  #fullAtMs = 0;

  /** The bucket is known to be full no earlier than this. */
  postpone(fullAtMs: number): void {
    this.#fullAtMs = Math.max(this.#fullAtMs, fullAtMs);
  }

  /** Tokens taken beyond what made the bucket full at `fullAtMs`, less those that have come back since. */
  takenBeyond(fullAtMs: number, { limit, windowSeconds }: Policy, nowMs: number): number {
    return Math.max(0, ((this.#fullAtMs - Math.max(fullAtMs, nowMs)) * limit) / (windowSeconds * 1_000));
  }

  forget(): void {
    this.#fullAtMs = 0;
  }

  /** The window is now so many times as long; the same share of the bucket stays used. */
  stretch(times: number, nowMs: number): void {
    this.#fullAtMs = stretched(this.#fullAtMs, times, nowMs);
  }

  /** A token that was taken and not used. */
  giveBack({ limit, windowSeconds }: Policy): void {
    this.#fullAtMs -= (windowSeconds * 1_000) / limit;
  }

  /** Until there is a token to take; 0 when there is one now. */
  waitMs({ limit, windowSeconds }: Policy, nowMs: number): number {
    const windowMs = windowSeconds * 1_000;
    return Math.max(0, this.#fullAtMs + windowMs / limit - windowMs - nowMs);
  }

  take({ limit, windowSeconds }: Policy, nowMs: number): Decision {
    const windowMs = windowSeconds * 1_000;
    const perTokenMs = windowMs / limit;
    const fullAtMs = Math.max(this.#fullAtMs, nowMs);
    const available = Math.floor((nowMs + windowMs - fullAtMs) / perTokenMs + 1e-9);
    if (available < 1) {
      const retryAfterMs = fullAtMs + perTokenMs - windowMs - nowMs;
      return { isAllowed: false, remaining: 0, resetMs: fullAtMs - nowMs, retryAfterMs };
    }
    this.#fullAtMs = fullAtMs + perTokenMs;
    return { isAllowed: true, remaining: available - 1, resetMs: this.#fullAtMs - nowMs, retryAfterMs: 0 };
  }
}

/** A moment at which a bucket is full, after its window has become so many times as long. */
export const stretched = (fullAtMs: number, times: number, nowMs: number): number =>
  fullAtMs <= nowMs ? fullAtMs : nowMs + (fullAtMs - nowMs) * times;
