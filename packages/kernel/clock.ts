/** Where "now" comes from. Rules never read the machine's clock; they are handed an instant. */
export type Clock = { readonly now: () => Temporal.Instant };

export const systemClock: Clock = {
  now: () => Temporal.Instant.fromEpochMilliseconds(Date.now()),
};

/** A clock that stands still until it is moved: for tests and for tenants that live on a test clock. */
export function fixedClock(start: Temporal.Instant): Clock & { advance(by: Temporal.DurationLike): void } {
  let current = start;
  return {
    now: () => current,
    advance(by) {
      current = current.add(by);
    },
  };
}
