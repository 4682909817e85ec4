import type { SessionId, TenantId } from '@tenantry/kernel/id.ts';
import type { Verified } from '../access/verified.ts';

export type EndReason = 'expired' | 'revoked' | 'suspended' | 'draining';

type Watched = { readonly verified: Verified | null; readonly end: (reason: EndReason) => void };

export type LiveSessionsOptions = {
  readonly isRevoked: (sessionId: SessionId) => boolean;
  readonly isSuspended: (tenantId: TenantId) => boolean;
  readonly nowMs?: () => number;
};

/**
 * What stays open after it was let in: event streams and WebSockets. A token that would no longer be let in must not
 * stay in either, so each of them ends when its token expires, its session is revoked or its tenant is suspended, and
 * when this gateway closes. Every push looks only at what it concerns.
 */
export class LiveSessions {
  readonly #options: LiveSessionsOptions;
  readonly #all = new Set<Watched>();
  readonly #bySession = new Map<SessionId, Set<Watched>>();
  readonly #byTenant = new Map<TenantId, Set<Watched>>();
  #isDraining = false;

  constructor(options: LiveSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Calls `end` once, at the latest when the token expires. Returns how to stop watching. */
  watch(verified: Verified | null, end: (reason: EndReason) => void): () => void {
    const watched: Watched = {
      verified,
      end: (reason) => {
        if (this.#all.has(watched)) {
          forget();
          end(reason);
        }
      },
    };
    const timer =
      verified === null
        ? undefined
        : setTimeout(
            () => watched.end('expired'),
            Math.max(0, verified.claims.expiresAtSeconds * 1_000 - this.#nowMs()),
          );
    const forget = (): void => {
      clearTimeout(timer);
      this.#all.delete(watched);
      if (verified === null) return;
      remove(this.#bySession, verified.claims.sessionId, watched);
      remove(this.#byTenant, verified.claims.tenantId, watched);
    };
    this.#all.add(watched);
    if (verified !== null) {
      add(this.#bySession, verified.claims.sessionId, watched);
      add(this.#byTenant, verified.claims.tenantId, watched);
    }
    // It may have been pushed between the check of the token and now.
    const reason = this.#reasonNow(verified);
    if (reason !== null) queueMicrotask(() => watched.end(reason));
    return forget;
  }

  sessionChanged(sessionId: SessionId): void {
    if (!this.#options.isRevoked(sessionId)) return;
    for (const watched of [...(this.#bySession.get(sessionId) ?? [])]) watched.end('revoked');
  }

  tenantChanged(tenantId: TenantId): void {
    if (!this.#options.isSuspended(tenantId)) return;
    for (const watched of [...(this.#byTenant.get(tenantId) ?? [])]) watched.end('suspended');
  }

  /** Ends everything, also what would still begin. */
  drain(): void {
    this.#isDraining = true;
    for (const watched of [...this.#all]) watched.end('draining');
  }

  #reasonNow(verified: Verified | null): EndReason | null {
    if (this.#isDraining) return 'draining';
    if (verified === null) return null;
    if (this.#options.isRevoked(verified.claims.sessionId)) return 'revoked';
    return this.#options.isSuspended(verified.claims.tenantId) ? 'suspended' : null;
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}

function add<Key>(index: Map<Key, Set<Watched>>, key: Key, watched: Watched): void {
  const set = index.get(key);
  if (set === undefined) index.set(key, new Set([watched]));
  else set.add(watched);
}

function remove<Key>(index: Map<Key, Set<Watched>>, key: Key, watched: Watched): void {
  const set = index.get(key);
  set?.delete(watched);
  if (set?.size === 0) index.delete(key);
}
