/** What calls said within one stretch of time: enough of them for a mean that is not mere noise. */
export class LatencyWindow {
  /** Counts the windows; a call belongs to the one it was admitted in. */
  number = 0;
  startedAtMs: number;
  answered = 0;
  dropped = 0;
  /** The most calls that were under way at once. */
  peak = 0;
  #sumMs = 0;

  constructor(nowMs: number) {
    this.startedAtMs = nowMs;
  }

  get meanMs(): number {
    return this.#sumMs / this.answered;
  }

  /** From 0 to 1. */
  get droppedShare(): number {
    return this.dropped / (this.answered + this.dropped);
  }

  addAnswer(latencyMs: number): void {
    this.answered++;
    this.#sumMs += latencyMs;
  }

  restart(nowMs: number, inFlight: number): void {
    this.number++;
    this.startedAtMs = nowMs;
    this.answered = 0;
    this.dropped = 0;
    this.peak = inFlight;
    this.#sumMs = 0;
  }
}
