/** `limit` requests in `windowSeconds`, under a name that clients see. */
export type Policy = { readonly name: string; readonly limit: number; readonly windowSeconds: number };

export type Decision = {
  readonly isAllowed: boolean;
  readonly remaining: number;
  /** Until everything is available again. */
  readonly resetMs: number;
  /** Until the next request has a chance; 0 when this one was allowed. */
  readonly retryAfterMs: number;
};

/** A steady rate with a burst is a quota over the time in which the burst refills. */
export const policyOf = (name: string, requestsPerSecond: number, burstSeconds: number): Policy => ({
  name,
  limit: requestsPerSecond * burstSeconds,
  windowSeconds: burstSeconds,
});

/** draft-ietf-httpapi-ratelimit-headers-10: q = quota, w = window in seconds, r = remaining, t = seconds to the reset. */
export function policyItem(policy: Policy): string {
  let item = policyItems.get(policy);
  if (item === undefined) {
    item = `"${policy.name}";q=${policy.limit};w=${policy.windowSeconds}`;
    policyItems.set(policy, item);
  }
  return item;
}

const policyItems = new WeakMap<Policy, string>();

export const limitItem = ({ name }: Policy, { remaining, resetMs }: Decision): string =>
  `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`;
