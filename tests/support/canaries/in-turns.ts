const AT_ONCE = 6;

/** A few at once, so that neither the machine nor a limit is in the way. @returns the results in the order of `all` */
export async function inTurns<In, Out>(all: readonly In[], work: (one: In) => Promise<Out>): Promise<readonly Out[]> {
  const results: Out[] = [];
  const waiting = all.entries();
  const worker = async (): Promise<void> => {
    for (const [at, one] of waiting) results[at] = await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
