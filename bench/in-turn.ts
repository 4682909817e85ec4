import { summarize } from './statistics.ts';

/** Long enough to be timed, short enough that a disturbance spoils only a few. */
const CALLS_PER_BATCH = 2_000;
const BATCHES = 150;
const WARM_UP = 30;

type Contestant = { readonly name: string; readonly batch: () => Promise<void> | void };

export type Sample = { readonly p50: number; readonly p99: number };
type SampleOf<T extends readonly Contestant[]> = { readonly [Index in keyof T]: Sample };

/** Nanoseconds per call of each, in the given order. */
export async function inTurn<const T extends readonly Contestant[]>(contestants: T): Promise<SampleOf<T>> {
  const durations = contestants.map(() => [] as number[]);
  for (let round = 0; round < WARM_UP + BATCHES; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const startedMs = performance.now();
      await contestant.batch();
      const perCallNs = ((performance.now() - startedMs) * 1e6) / CALLS_PER_BATCH;
      if (round >= WARM_UP) durations[index]?.push(perCallNs);
    }
  }
  return durations.map((each) => summarize(each)) as unknown as SampleOf<T>;
}

export const repeating = (name: string, call: () => void): Contestant => ({
  name,
  batch: () => {
    for (let i = 0; i < CALLS_PER_BATCH; i++) call();
  },
});

export const awaiting = (name: string, call: () => Promise<number>): Contestant => ({
  name,
  batch: async () => {
    let answers = 0;
    for (let i = 0; i < CALLS_PER_BATCH; i++) answers += await call();
    if (answers !== CALLS_PER_BATCH) throw new Error(`${name} answered ${answers} of ${CALLS_PER_BATCH} calls.`);
  },
});

export const ns = (value: number): string => `${value.toFixed(0)} ns`;
