import { rateLimited } from '@tenantry/kernel/problems.ts';
import { PreparedRefusal, RefusalTemplate } from '../overload/prepared-refusal.ts';
import type { Policy } from './decision.ts';

const templates = new WeakMap<Policy, RefusalTemplate>();

/** The 429 of one limit, which it names. */
export function rateRefusal(policy: Policy, retryAfterMs: number): PreparedRefusal {
  let template = templates.get(policy);
  if (template === undefined) {
    const { name, limit, windowSeconds } = policy;
    template = new RefusalTemplate(
      rateLimited(`More than ${limit} requests in ${windowSeconds} s (${name}). Wait, then try again.`, {
        // The member that draft-ietf-httpapi-ratelimit-headers calls violated-policies, spelled as ours are.
        extensions: { violatedPolicies: [name] },
      }),
    );
    templates.set(policy, template);
  }
  return new PreparedRefusal(template, Math.max(1, Math.ceil(retryAfterMs / 1_000)));
}
