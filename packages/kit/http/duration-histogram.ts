import { Histogram } from 'prom-client';

/** Counted elsewhere: one set of labels, and how many took at most as long as each bound and longer than the one before. */
export type CountedDurations = {
  readonly labels: Readonly<Record<string, string>>;
  readonly buckets: readonly number[];
  readonly seconds: number;
  readonly count: number;
};

/** Tells what was counted elsewhere: the library has no way to fill a histogram but one observation after the other. */
export class CountedHistogram extends Histogram {
  readonly #head: { readonly name: string; readonly help: string };
  readonly #bounds: readonly number[];
  readonly #read: () => Iterable<CountedDurations>;

  constructor(options: {
    readonly name: string;
    readonly help: string;
    readonly labelNames: readonly string[];
    readonly bounds: readonly number[];
    readonly read: () => Iterable<CountedDurations>;
  }) {
    const { name, help, labelNames } = options;
    super({ name, help, labelNames: [...labelNames], registers: [] });
    this.#head = { name, help };
    this.#bounds = options.bounds;
    this.#read = options.read;
  }

  /** What both kinds of scrape begin with, as text and as JSON; the library does not declare it. */
  getForPromString() {
    const { name } = this.#head;
    const values = [...this.#read()].flatMap(({ labels: sharedLabels, buckets, seconds, count }) => {
      let soFar = 0;
      const upTo = this.#bounds.map((bound, place) => {
        soFar += buckets[place] ?? 0;
        return { metricName: `${name}_bucket`, sharedLabels, labels: { le: bound }, value: soFar };
      });
      return [
        ...upTo,
        { metricName: `${name}_bucket`, sharedLabels, labels: { le: '+Inf' }, value: count },
        { metricName: `${name}_sum`, sharedLabels, labels: {}, value: seconds },
        { metricName: `${name}_count`, sharedLabels, labels: {}, value: count },
      ];
    });
    return { ...this.#head, type: 'histogram', aggregator: 'sum', values };
  }
}
