import type { AccessTokenClaims } from '@tenantry/auth/access-token.ts';
import type { SessionId } from '@tenantry/kernel/id.ts';
import { BoundedCache } from '../bounded-cache.ts';

/** `unknown`: users could not be asked. */
export type SessionStanding = 'valid' | 'revoked' | 'unknown';

type Known = { readonly standing: SessionStanding; readonly askedAtMs: number };

const MAX_SESSIONS = 20_000;
const FRESH_MS = 1_000;
const MAX_ASKING = 256;

/**
 * Asks users about sessions while the feed of revocations is silent. An answer counts for a second, a revocation for
 * good; who asks meanwhile shares the question. That nobody could be asked is an answer too, or every request would wait
 * for a service that is down.
 */
export class SessionRechecks {
  readonly #recheck: (claims: AccessTokenClaims) => Promise<'valid' | 'revoked'>;
  readonly #monotonicMs: () => number;
  readonly #known = new BoundedCache<SessionId, Known>(MAX_SESSIONS);
  readonly #asking = new Map<SessionId, Promise<SessionStanding>>();

  constructor(recheck: (claims: AccessTokenClaims) => Promise<'valid' | 'revoked'>, monotonicMs: () => number) {
    this.#recheck = recheck;
    this.#monotonicMs = monotonicMs;
  }

  of(claims: AccessTokenClaims): SessionStanding | Promise<SessionStanding> {
    const known = this.#known.get(claims.sessionId);
    if (known !== undefined && (known.standing === 'revoked' || this.#monotonicMs() - known.askedAtMs < FRESH_MS))
      return known.standing;
    const asking = this.#asking.get(claims.sessionId);
    if (asking !== undefined) return asking;
    if (this.#asking.size >= MAX_ASKING) return 'unknown';
    const question = this.#ask(claims);
    this.#asking.set(claims.sessionId, question);
    return question;
  }

  async #ask(claims: AccessTokenClaims): Promise<SessionStanding> {
    const askedAtMs = this.#monotonicMs();
    const standing = await this.#recheck(claims).catch((): SessionStanding => 'unknown');
    // From when the question was put: the session may have ended while the answer was on its way.
    this.#known.set(claims.sessionId, {
      standing,
      askedAtMs: standing === 'unknown' ? this.#monotonicMs() : askedAtMs,
    });
    this.#asking.delete(claims.sessionId);
    return standing;
  }
}
