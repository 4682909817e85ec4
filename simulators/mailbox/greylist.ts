import { type Envelope, type Faults, matchesEnvelope } from './faults.ts';

/** Refuses every new pair of sender and recipient until it is old enough; so it is not used up, and stays until it is deleted. */
export class Greylist {
  readonly #faults: Faults;
  readonly #firstSeenAtMs = new Map<string, number>();

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  refuses(envelope: Envelope, nowMs: number): boolean {
    for (const { fault, match, id } of this.#faults.all()) {
      if (fault.kind !== 'greylist' || !matchesEnvelope(match, envelope)) continue;
      const pair = `${id} ${envelope.from} ${envelope.to}`.toLowerCase();
      const firstSeenAtMs = this.#firstSeenAtMs.get(pair);
      if (firstSeenAtMs === undefined) this.#firstSeenAtMs.set(pair, nowMs);
      if (firstSeenAtMs === undefined || nowMs - firstSeenAtMs < (fault.delaySeconds ?? 0) * 1000) return true;
    }
    return false;
  }
}
