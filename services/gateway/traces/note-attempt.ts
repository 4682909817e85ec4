import { derivedHop, isSampled } from '@tenantry/kernel/trace-parent.ts';
import { TRACEPARENT_HEADER } from '@tenantry/mesh/headers.ts';
import type { Exchange } from '../edge/exchange.ts';

/** What the first attempt's upstream goes on with. */
export const firstHop = (exchange: Exchange): string => derivedHop(exchange.traceparent, 1);

/** Another attempt is another step, and whoever gets it goes on from that one. */
export function retrace(headers: string[], exchange: Exchange, attempt: number): void {
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] === TRACEPARENT_HEADER) headers[i + 1] = derivedHop(exchange.traceparent, attempt);
}

/**
 * Of a request that is not recorded only what went wrong is noted: should it fail, that is what anybody will look for.
 * All others leave nothing here.
 */
export const isWorthNoting = (exchange: Exchange, status: number, error: string | null): boolean =>
  error !== null || status >= 500 || isSampled(exchange.traceparent);

export function noteAttempt(
  exchange: Exchange,
  instanceId: string,
  durationMs: number,
  status: number,
  error: string | null,
): void {
  exchange.attempts ??= [];
  const number = exchange.attempts.length + 1;
  exchange.attempts.push({ number, instanceId, endedAtMs: performance.now(), durationMs, status, error });
}
