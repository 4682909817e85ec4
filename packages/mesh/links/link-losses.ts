import type { LinkEnd } from '@tenantry/link/link-end.ts';
import { LinkFailure } from '@tenantry/link/link-failure.ts';

/**
 * All calls of a link end with it. To its breaker that is one failure of the instance, not as many as there were calls:
 * else one broken connection would shut out an instance that is well.
 */
export class LinkLosses {
  readonly #told = new WeakSet<LinkEnd>();

  /** True for every failure but those that only repeat what is known of their link. */
  isNews(error: unknown): boolean {
    if (!(error instanceof LinkFailure) || error.end === null) return true;
    if (this.#told.has(error.end)) return false;
    this.#told.add(error.end);
    return true;
  }
}
