/** What becomes of one of several uses of the same quota. */
export type Admission = {
  readonly isAdmitted: boolean;
  /** How much is used after it, if admitted, or is in its way. */
  readonly used: number;
};

/**
 * Lets uses in, in their order, as long as each fits into what is left; one that does not fit leaves room for smaller
 * ones behind it. The same as asking one by one.
 * @param limit null where there is none
 */
export function admit(used: number, limit: number | null, amounts: readonly number[]): readonly Admission[] {
  let total = used;
  return amounts.map((amount) => {
    const isAdmitted = limit === null || total + amount <= limit;
    if (isAdmitted) total += amount;
    return { isAdmitted, used: total };
  });
}
