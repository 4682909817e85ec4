import type { Contestant, Slice } from './wrk.ts';

/**
 * Node's compiler needs requests, not seconds: after 50,000 a gateway still takes a fifth more time for each than after
 * 200,000. On a busy machine so many take long, so there is an end to it.
 */
const SLICE_SECONDS = 5;
const REQUESTS = 200_000;
const MOST_SLICES = 4;

export async function warmUp(
  one: Contestant,
  load: (one: Contestant, seconds: number) => Promise<Slice>,
): Promise<void> {
  let requests = 0;
  for (let slice = 0; slice < MOST_SLICES && requests < REQUESTS; slice++)
    requests += (await load(one, SLICE_SECONDS)).requests;
}
