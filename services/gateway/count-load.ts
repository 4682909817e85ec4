import type { LoadMeter } from '@tenantry/kit/lifecycle/load-meter.ts';
import type { Exchange } from './edge/exchange.ts';

/** What goes wrong here or behind us, and not what a client did or left. */
export const countLoad =
  (load: LoadMeter, trace: (exchange: Exchange, durationMs: number) => void, next: typeof trace) =>
  (exchange: Exchange): void => {
    const durationMs = performance.now() - exchange.startedAtMs;
    load.count(exchange.response.statusCode >= 500, durationMs);
    trace(exchange, durationMs);
    next(exchange, durationMs);
  };
