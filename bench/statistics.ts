/** Milliseconds of one operation each, sorted once. */
export type Sample = { readonly p50: number; readonly p99: number; readonly count: number };

export function summarize(durationsMs: readonly number[]): Sample {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), count: sorted.length };
}

/** One after the other, after a warm-up that is not counted. */
export async function timeSequentially(count: number, operation: (index: number) => Promise<unknown>): Promise<Sample> {
  for (let index = 0; index < Math.ceil(count / 10); index++) await operation(index);
  const durations: number[] = [];
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    await operation(index);
    durations.push(performance.now() - start);
  }
  return summarize(durations);
}

/** Two operations in turn, so that whatever else the machine does hits both alike. */
export async function timeInTurn(
  count: number,
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
): Promise<readonly [Sample, Sample]> {
  const durations: [number[], number[]] = [[], []];
  const run = async (into: number[] | null, operation: () => Promise<unknown>): Promise<void> => {
    const start = performance.now();
    await operation();
    into?.push(performance.now() - start);
  };
  for (let index = 0; index < count / 10; index++) await Promise.all([run(null, a), run(null, b)]);
  for (let index = 0; index < count; index++) {
    await run(durations[0], a);
    await run(durations[1], b);
  }
  return [summarize(durations[0]), summarize(durations[1])];
}
