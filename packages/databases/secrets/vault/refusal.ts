import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { VaultAnswer } from './http.ts';

/** An answer of Vault that trying again does not change: a right that is missing, a bad request. */
export class VaultRefusal extends Error {
  override readonly name = 'VaultRefusal';
  readonly status: number;
  readonly reasons: readonly string[];

  constructor(what: string, { status, body }: VaultAnswer) {
    const reasons = reasonsIn(body);
    super(`Vault refused to ${what} (${status}${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}).`);
    this.status = status;
    this.reasons = reasons;
  }
}

/** Of a standby that is behind, and of a limit. */
const AWAY = new Set([412, 429]);

/** Away, sealed, not yet initialised, a standby without a leader, out of breath: all of them may pass. */
export const isAwayStatus = (status: number): boolean => AWAY.has(status) || status >= 472;

/** Of an attempt without a time to wait: it is repeated sooner than a whole call should be. */
export const vaultAway = (cause: unknown, options: { readonly retryAfterSeconds?: number } = {}): Problem =>
  upstreamUnavailable('The store of secrets does not answer. Try again shortly.', { ...options, cause });

/** Whoever runs the system has to mend it: 503, so that what waits is tried again, but nobody goes on with what was known. */
export const vaultForbids = (cause: VaultRefusal): Problem =>
  upstreamUnavailable('The store of secrets refuses this system. Its operator has to mend that; then try again.', {
    retryAfterSeconds: 30,
    cause,
  });

/** Whether it is away, and not refusing us. */
export const isAway = (error: unknown): boolean =>
  error instanceof Problem &&
  (error.kind.category === 'unavailable' || error.kind.category === 'timeout') &&
  !(error.cause instanceof VaultRefusal && !isAwayStatus(error.cause.status));

/** Vault's own sentences; they name paths and rules, never values. */
function reasonsIn(body: unknown): readonly string[] {
  if (typeof body !== 'object' || body === null || !('errors' in body) || !Array.isArray(body.errors)) return [];
  return body.errors
    .filter((reason) => typeof reason === 'string')
    .map((reason) => reason.replaceAll(/[\s\p{C}]+/gu, ' ').slice(0, 200));
}
