import { rateLimited } from '@tenantry/kernel/problems.ts';
import { renderRefusal } from '../edge/render-refusal.ts';
import type { Policy } from './decision.ts';

/**
 * A 429, thrown as it is: it has no stack and its text is rendered once per policy, because whoever floods gets it
 * thousands of times a second at the expense of everybody else.
 */
export class RateRefusal {
  readonly policy: Policy;
  readonly retryAfterSeconds: number;

  constructor(policy: Policy, retryAfterMs: number) {
    this.policy = policy;
    this.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  }
}

type Rendered = { readonly status: number; readonly headers: readonly string[]; readonly pieces: readonly string[] };

const PLACE = '\u0000';
const rendered = new WeakMap<Policy, Rendered>();

function render(policy: Policy): Rendered {
  const { name, limit, windowSeconds } = policy;
  const problem = rateLimited(`More than ${limit} requests in ${windowSeconds} s (${name}). Wait, then try again.`, {
    // The member that draft-ietf-httpapi-ratelimit-headers calls violated-policies, spelled as ours are.
    extensions: { violatedPolicies: [name] },
  });
  const { status, headers, body } = renderRefusal(problem, { instance: PLACE, traceId: PLACE });
  const pieces = JSON.stringify(body).split(JSON.stringify(PLACE));
  return { status, headers: Object.entries(headers).flat(), pieces };
}

/** The answer's text with what differs from request to request put in. */
export function renderRateRefusal(
  { policy, retryAfterSeconds }: RateRefusal,
  { instance, traceId }: { readonly instance: string; readonly traceId: string },
): { readonly status: number; readonly headers: readonly string[]; readonly body: string } {
  let parts = rendered.get(policy);
  if (parts === undefined) {
    parts = render(policy);
    rendered.set(policy, parts);
  }
  const [before = '', between = '', after = ''] = parts.pieces;
  return {
    status: parts.status,
    headers: [...parts.headers, 'retry-after', String(retryAfterSeconds)],
    body: `${before}${JSON.stringify(instance)}${between}"${traceId}"${after}`,
  };
}
