/** What an algorithm may know of whom it chooses among. */
export type Candidate = {
  readonly id: string;
  /** Relative to the others; 1 unless somebody said otherwise. */
  readonly weight: number;
  readonly inFlight: number;
  /** The expected cost of one more request. */
  readonly load: (nowMs: number) => number;
};

export type ChoiceContext = {
  readonly nowMs: number;
  /** What stays with one candidate: a tenant or a principal. Other algorithms do not look at it. */
  readonly key: string;
};

/** Chooses one of a list that is not empty. The list may differ from call to call: whoever is away is left out of it. */
export type Balancing = {
  readonly choose: <C extends Candidate>(candidates: readonly C[], context: ChoiceContext) => C;
};

export function atLeastOne<C>(candidates: readonly C[]): C {
  const [first] = candidates;
  if (first === undefined) throw new RangeError('There is nobody to choose.');
  return first;
}
