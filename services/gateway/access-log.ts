import { runWithContext } from '@tenantry/kernel/call-context.ts';
import type { HttpMetrics } from '@tenantry/kit/http/metrics.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { Exchange } from './edge/exchange.ts';

/** nginx's number for a client that did not wait for its answer; HTTP has none, as nobody ever receives it. */
const CLIENT_LEFT = 499;
/** RFC 9110 §15.2.2. The line is written when the WebSocket opens. */
const SWITCHED = 101;

/** One line and one observation per request, by route pattern: paths would name people and flood the metrics. */
export function createAccessLog(logger: Logger, metrics: HttpMetrics) {
  return (exchange: Exchange): void => {
    const { request, response, route, verified } = exchange;
    const durationMs = performance.now() - exchange.startedAtMs;
    const status = exchange.isUpgraded ? SWITCHED : response.writableFinished ? response.statusCode : CLIENT_LEFT;
    const pattern = route?.endpoint.path ?? 'unmatched';
    const method = request.method ?? '';
    metrics.observe(pattern, method, status, durationMs / 1_000);
    if (route?.isOperational === true || !logger.isLevelEnabled('info')) return;
    runWithContext({ traceparent: exchange.traceparent, deadlineMs: exchange.deadlineMs }, () =>
      logger.info(
        {
          method,
          route: pattern,
          status,
          durationMs: Math.round(durationMs * 10) / 10,
          tenantId: verified?.claims.tenantId,
          upstream: exchange.instanceId ?? undefined,
        },
        'request',
      ),
    );
  };
}
