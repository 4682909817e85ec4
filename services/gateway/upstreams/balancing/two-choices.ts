import { atLeastOne, type Balancing } from './candidate.ts';

/**
 * The better of two taken at random, by expected cost: nearly as good as the best of all, without everybody running to
 * the same one. Cost is a peak EWMA of latency times what is under way (Finagle, Linkerd).
 */
export const twoChoices = (random: () => number): Balancing => ({
  choose(candidates, { nowMs }) {
    if (candidates.length === 1) return atLeastOne(candidates);
    const first = Math.floor(random() * candidates.length);
    const second = (first + 1 + Math.floor(random() * (candidates.length - 1))) % candidates.length;
    const [one = atLeastOne(candidates), other = atLeastOne(candidates)] = [candidates[first], candidates[second]];
    return other.load(nowMs) / other.weight < one.load(nowMs) / one.weight ? other : one;
  },
});
