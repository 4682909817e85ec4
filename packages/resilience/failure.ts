import { Problem } from '@tenantry/kernel/problem.ts';

/**
 * Whether an error says that the upstream is unwell. A refusal with a reason (not found, conflict, rate-limited) is
 * an answer: an upstream that gives it is alive, and one tenant's bad requests must not open the breaker for all.
 */
export const isUpstreamFailure = (error: unknown): boolean =>
  !(error instanceof Problem) || error.kind.category === 'unavailable' || error.kind.category === 'timeout';
