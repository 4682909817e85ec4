/** The middle of a set and the quarters beside it. */
export type Spread = { readonly low: number; readonly median: number; readonly high: number };

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    return below + ((sorted[Math.ceil(place)] ?? Number.NaN) - below) * (place % 1);
  };
  return { low: at(0.25), median: at(0.5), high: at(0.75) };
}

export const medianOf = (values: readonly number[]): number => spreadOf(values).median;

/** One list of ratios for each start of the process: the start-to-start lottery must not hide among the slices. */
export function spreadOverStarts(starts: readonly (readonly number[])[]): Spread & { readonly perStart: number[] } {
  const perStart = starts.filter((values) => values.length > 0).map(medianOf);
  const { low, high } = spreadOf(starts.flat());
  return { low, high, median: medianOf(perStart), perStart };
}

export const showSpread = ({ low, median, high }: Spread): string =>
  `${median.toFixed(2)} [${low.toFixed(2)}-${high.toFixed(2)}]`;
