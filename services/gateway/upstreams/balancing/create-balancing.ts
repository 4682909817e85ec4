import type { BalancingName } from '../../contract/upstreams.ts';
import type { Balancing } from './candidate.ts';
import { leastConnections } from './least-connections.ts';
import { rendezvous } from './rendezvous.ts';
import { smoothWeighted } from './smooth-weighted.ts';
import { twoChoices } from './two-choices.ts';

/** With a memory of its own: one per group of instances. */
export function createBalancing(name: BalancingName, random: () => number): Balancing {
  switch (name) {
    case 'peak-ewma':
      return twoChoices(random);
    case 'round-robin':
      return smoothWeighted(() => 1);
    case 'weighted-round-robin':
      return smoothWeighted(({ weight }) => weight);
    case 'least-connections':
      return leastConnections();
    case 'consistent-hash':
      return rendezvous();
  }
}
