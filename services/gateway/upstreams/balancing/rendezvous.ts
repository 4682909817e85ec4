import { atLeastOne, type Balancing, type Candidate } from './candidate.ts';

/** Nobody gets more than this times the average, whatever hashing says (Mirrokni, Thorup, Zadimoghaddam 2018). */
const BOUND = 1.25;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a over the text, then the finaliser of MurmurHash3: one changed letter changes all bits. */
function hash(text: string): number {
  let h = FNV_OFFSET;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), FNV_PRIME);
  return h >>> 0;
}

function mix(a: number, b: number): number {
  let h = a ^ Math.imul(b, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A uniform number above 0 and below 1 for this pair. */
const share = (keyHash: number, candidateHash: number): number => (mix(keyHash, candidateHash) + 0.5) / 2 ** 32;

/**
 * Weighted rendezvous hashing: everybody draws a lot for the key and the highest wins, so a key moves only when its
 * winner leaves or a newcomer wins it: 1/n of the keys, and never from one old candidate to another.
 */
export function rendezvous(): Balancing {
  const hashes = new Map<string, number>();
  const hashOf = (id: string): number => {
    let known = hashes.get(id);
    if (known === undefined) {
      known = hash(id);
      if (hashes.size > 1_024) hashes.clear();
      hashes.set(id, known);
    }
    return known;
  };
  const lotOf = (candidate: Candidate, keyHash: number): number =>
    -candidate.weight / Math.log(share(keyHash, hashOf(candidate.id)));

  return {
    choose(candidates, { key }) {
      if (candidates.length === 1) return atLeastOne(candidates);
      const keyHash = hash(key);
      let inFlight = 1;
      let weights = 0;
      for (const candidate of candidates) {
        inFlight += candidate.inFlight;
        weights += candidate.weight;
      }
      const hasRoom = ({ inFlight: busy, weight }: Candidate): boolean =>
        busy < Math.ceil((BOUND * inFlight * weight) / weights);
      let best = atLeastOne(candidates);
      let highest = Number.NEGATIVE_INFINITY;
      for (const candidate of candidates) {
        const lot = lotOf(candidate, keyHash);
        if (lot > highest && hasRoom(candidate)) {
          best = candidate;
          highest = lot;
        }
      }
      return best;
    },
  };
}
