import { addressKey } from '../edge/client-address.ts';
import type { Exchange } from '../edge/exchange.ts';
import { tooManyConnections } from '../problems.ts';

export type ConnectionLimitsOptions = { readonly perTenant: number; readonly perPrincipal: number };

const RETRY_AFTER_SECONDS = 5;

/** How many connections one tenant and one principal of it hold at this gateway; without a token, one address. */
export class ConnectionLimits {
  readonly #options: ConnectionLimitsOptions;
  readonly #counts = new Map<string, number>();

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options;
  }

  /** Takes a place before anything is waited for, so that many at once do not all find the last one. Returns how to leave. */
  enter({ verified, clientAddress }: Pick<Exchange, 'verified' | 'clientAddress'>): () => void {
    const { perTenant, perPrincipal } = this.#options;
    const keys: (readonly [key: string, limit: number, whose: string])[] =
      verified === null
        ? [[`address ${addressKey(clientAddress)}`, perPrincipal, 'your address']]
        : [
            [`tenant ${verified.claims.tenantId}`, perTenant, 'your tenant'],
            [`principal ${verified.principal.tenantId} ${verified.principal.id}`, perPrincipal, 'you'],
          ];
    for (const [key, limit, whose] of keys) {
      if ((this.#counts.get(key) ?? 0) >= limit)
        throw tooManyConnections(`More than ${limit} connections of ${whose}. Close one, then try again.`, {
          extensions: { limit },
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        });
    }
    for (const [key] of keys) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      for (const [key] of keys) {
        const left = (this.#counts.get(key) ?? 1) - 1;
        if (left === 0) this.#counts.delete(key);
        else this.#counts.set(key, left);
      }
    };
  }
}
