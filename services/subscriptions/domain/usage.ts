import { UNLIMITED } from './catalogue.ts';

export type UsageOfQuota = {
  readonly feature: string;
  /** Null where there is none. */
  readonly limit: number | null;
  readonly used: number;
  readonly remaining: number | null;
  readonly resetsAt: Temporal.Instant;
};

export const limitOf = (quota: number): number | null => (quota === UNLIMITED ? null : quota);

/** `remaining` is never negative, also after a change to a plan with a smaller quota. */
export function usageOf(feature: string, quota: number, used: number, resetsAt: Temporal.Instant): UsageOfQuota {
  const limit = limitOf(quota);
  return { feature, limit, used, remaining: limit === null ? null : Math.max(limit - used, 0), resetsAt };
}
