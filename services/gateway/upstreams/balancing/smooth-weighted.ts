import { atLeastOne, type Balancing, type Candidate } from './candidate.ts';

/**
 * Weighted round robin without bursts: of weights 5, 1, 1 comes a a b a c a a, not a a a a a b c. Everybody gains their
 * weight at every turn, and whoever has most pays the sum of all for being chosen (nginx since 1.3.1).
 * @param weightOf 1 for everybody makes it plain round robin
 */
export function smoothWeighted(weightOf: (candidate: Candidate) => number): Balancing {
  let credits = new Map<string, number>();
  return {
    choose(candidates) {
      let best = atLeastOne(candidates);
      let most = Number.NEGATIVE_INFINITY;
      let total = 0;
      for (const candidate of candidates) {
        const weight = weightOf(candidate);
        const credit = (credits.get(candidate.id) ?? 0) + weight;
        credits.set(candidate.id, credit);
        total += weight;
        if (credit > most) {
          best = candidate;
          most = credit;
        }
      }
      credits.set(best.id, most - total);
      // Who has left for good is forgotten; who is away for a moment comes back as they went.
      if (credits.size > 2 * candidates.length + 16)
        credits = new Map(candidates.map(({ id }) => [id, credits.get(id) ?? 0]));
      return best;
    },
  };
}
