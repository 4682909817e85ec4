import { runWithContext } from '@tenantry/kernel/call-context.ts';
import type { HttpMetrics } from '@tenantry/kit/http/metrics.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { Exchange } from './edge/exchange.ts';

/** nginx's number for a client that did not wait for its answer; HTTP has none, as nobody ever receives it. */
const CLIENT_LEFT = 499;
/** RFC 9110 §15.2.2. The line is written when the WebSocket opens. */
const SWITCHED = 101;

/** Refusals by load, of which a flood brings more than anybody reads: so many lines a second, and how many were left out. */
const REFUSAL_LINES_PER_SECOND = 20;

/** One line and one observation per request, by route pattern: paths would name people and flood the metrics. */
export function createAccessLog(logger: Logger, metrics: HttpMetrics) {
  let second = 0;
  let lines = 0;
  let leftOut = 0;
  const isTooMany = (): boolean => {
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) {
      second = now;
      lines = 0;
    }
    if (lines++ < REFUSAL_LINES_PER_SECOND) return false;
    leftOut++;
    return true;
  };
  const takeLeftOut = (): number | undefined => {
    const count = leftOut;
    leftOut = 0;
    return count === 0 ? undefined : count;
  };

  return (exchange: Exchange): void => {
    const { request, response, route, verified } = exchange;
    const durationMs = performance.now() - exchange.startedAtMs;
    const status = exchange.isUpgraded ? SWITCHED : response.writableFinished ? response.statusCode : CLIENT_LEFT;
    const pattern = route?.endpoint.path ?? 'unmatched';
    const method = request.method ?? '';
    metrics.observe(pattern, method, status, durationMs / 1_000);
    if (route?.isOperational === true || !logger.isLevelEnabled('info')) return;
    const isRefusal = status === 429 || status === 503;
    if (isRefusal && isTooMany()) return;
    runWithContext({ traceparent: exchange.traceparent, deadlineMs: exchange.deadlineMs }, () =>
      logger.info(
        {
          method,
          route: pattern,
          status,
          durationMs: Math.round(durationMs * 10) / 10,
          tenantId: verified?.claims.tenantId,
          upstream: exchange.instanceId ?? undefined,
          refusalsLeftOut: isRefusal ? takeLeftOut() : undefined,
        },
        'request',
      ),
    );
  };
}
