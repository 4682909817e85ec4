import { newSpanId, newTraceId, readTraceParent, writeTraceParent } from '@tenantry/kernel/trace-parent.ts';
import { PerSecond } from './per-second.ts';

const ALL = 2 ** 32;

/** Decides at its beginning whether a trace is recorded. The rest of the house goes by the flag in `traceparent`. */
export class HeadSampler {
  readonly #below: number;
  readonly #requested: PerSecond;

  constructor(options: { readonly ratio: number; readonly requestedPerSecond: number }) {
    this.#below = Math.round(options.ratio * ALL);
    this.#requested = new PerSecond(options.requestedPerSecond);
  }

  /** By the end of its id, which is random (W3C Trace Context level 2, §5.1): whoever is asked decides the same. */
  chooses(traceId: string): boolean {
    return Number.parseInt(traceId.slice(24), 16) < this.#below;
  }

  /**
   * A new hop for what comes from outside. A flag set there is granted so often in a second: with ids of their own making
   * strangers could otherwise have everything written down.
   */
  enter(parent: string | undefined): string {
    const known = readTraceParent(parent);
    if (known !== null) return writeTraceParent(known.traceId, newSpanId(), known.isSampled && this.#requested.take());
    const traceId = newTraceId();
    return writeTraceParent(traceId, newSpanId(), this.chooses(traceId));
  }
}
