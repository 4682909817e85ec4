export type LivenessOptions = {
  /** Silence after which the peer is asked for a sign of life; after as long again, and no byte, it is dead. */
  readonly pingAfterMs?: number;
  /** From the connection to the peer's HELLO. */
  readonly helloWithinMs?: number;
};

export const DEFAULT_PING_AFTER_MS = 5_000;
export const DEFAULT_HELLO_WITHIN_MS = 5_000;
/** A peer that asks more often between two looks of ours wants something else than a sign of life. */
const MAX_PINGS = 64;
/** So many looks in a row at a peer that does not read, and it never will. */
const MAX_STALLED_LOOKS = 3;

export type LivenessEvents = {
  readonly ping: () => void;
  readonly isStalled: () => boolean;
  readonly die: (reason: 'silent' | 'stalled') => void;
};

/**
 * Looks once every `pingAfterMs` whether anything came since the last look. Any byte is a sign of life; only a silent peer is
 * pinged, so a busy link has no pings at all.
 */
export class Liveness {
  readonly #events: LivenessEvents;
  readonly #timer: NodeJS.Timeout;
  #hasHeard = true;
  #isPinged = false;
  #pings = 0;
  #stalledLooks = 0;

  constructor(pingAfterMs: number, events: LivenessEvents) {
    this.#events = events;
    this.#timer = setInterval(() => this.#look(), pingAfterMs);
    this.#timer.unref();
  }

  hear(): void {
    this.#hasHeard = true;
  }

  /** Answers whether the peer may still ask. */
  countPing(): boolean {
    this.#pings++;
    return this.#pings <= MAX_PINGS;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.#pings = 0;
    if (this.#events.isStalled()) {
      // We do not read from it either, so its silence says nothing.
      this.#stalledLooks++;
      if (this.#stalledLooks >= MAX_STALLED_LOOKS) this.#events.die('stalled');
      return;
    }
    this.#stalledLooks = 0;
    if (this.#hasHeard) {
      this.#hasHeard = false;
      this.#isPinged = false;
    } else if (!this.#isPinged) {
      this.#isPinged = true;
      this.#events.ping();
    } else {
      // Was it us who slept? Then the answer waits in the socket, and is read before this runs.
      setImmediate(() => {
        if (!this.#hasHeard) this.#events.die('silent');
      });
    }
  }
}
