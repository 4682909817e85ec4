/** Lets one piece of work per key through at a time, in the order of arrival. */
export type Turnstile = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/**
 * Finalisations of one tenant queue here before they take a connection. The counter's row lock alone would keep numbers
 * right, but everybody waiting for it would hold a connection, and one busy tenant would starve the others.
 */
export function createTurnstile(): Turnstile {
  const tails = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const turn = (tails.get(key) ?? Promise.resolve()).then(work);
    const tail = turn.then(
      () => undefined,
      () => undefined,
    );
    tails.set(key, tail);
    void tail.then(() => {
      if (tails.get(key) === tail) tails.delete(key);
    });
    return turn;
  };
}
