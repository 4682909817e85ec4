import { atLeastOne, type Balancing } from './candidate.ts';

/** Who has least under way for its weight. Among equals the turn goes round, or the first would get all of a slow day. */
export function leastConnections(): Balancing {
  let turn = 0;
  return {
    choose(candidates) {
      turn = (turn + 1) % candidates.length;
      let best = atLeastOne(candidates);
      let least = Number.POSITIVE_INFINITY;
      for (let step = 0; step < candidates.length; step++) {
        const candidate = candidates[(turn + step) % candidates.length];
        if (candidate === undefined) continue;
        const load = (candidate.inFlight + 1) / candidate.weight;
        if (load < least) {
          best = candidate;
          least = load;
        }
      }
      return best;
    },
  };
}
