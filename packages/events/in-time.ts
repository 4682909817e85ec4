class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Gives up on work that does not end; whoever still waits for it inside then finds its unit of work closed. */
export async function inTime<T>(timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new TimeoutError(`The handler did not end within ${timeoutMs / 1_000} s.`)),
    timeoutMs,
  );
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
