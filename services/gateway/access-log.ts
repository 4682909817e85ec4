import { traceIdOf } from '@tenantry/kernel/call-context.ts';
import type { HttpMetrics } from '@tenantry/kit/http/metrics.ts';
import type { RouteCounts } from '@tenantry/kit/http/request-counts.ts';
import type { LogOutput } from '@tenantry/kit/logger.ts';
import type { Exchange, Route } from './edge/exchange.ts';
import { LinePieces } from './line-pieces.ts';

/** nginx's number for a client that did not wait for its answer; HTTP has none, as nobody ever receives it. */
const CLIENT_LEFT = 499;
/** RFC 9110 §15.2.2. The line is written when the WebSocket opens. */
const SWITCHED = 101;
/** What no route takes: one word for all of it. */
const UNMATCHED = 'unmatched';
const UNMATCHED_QUOTED = JSON.stringify(UNMATCHED);

/** Refusals by load, of which a flood brings more than anybody reads: so many lines a second, and how many were left out. */
const REFUSAL_LINES_PER_SECOND = 20;

/**
 * One line and one observation per request, by route pattern: paths would name people and flood the metrics. The line is
 * put together here, in the form of all others: it has nothing to redact, and the logger's search for it would cost more
 * than the rest of the gateway's own work. `output`: null where requests are not logged.
 */
export function createAccessLog(options: {
  readonly instanceId: string;
  readonly metrics: HttpMetrics;
  readonly output: LogOutput | null;
}) {
  const { metrics, output } = options;
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
  const takeLeftOut = (): string => {
    const count = leftOut;
    leftOut = 0;
    return count === 0 ? '' : `,"refusalsLeftOut":${count}`;
  };
  const whose = `"service":"gateway","instance":${JSON.stringify(options.instanceId)}`;
  const pieces = new LinePieces();
  const countsOf = (route: Route | null, method: string): RouteCounts => {
    if (route === null) return metrics.countsOf(UNMATCHED, method);
    if (method !== route.endpoint.method) return metrics.countsOf(route.endpoint.path, method);
    route.state.counts ??= metrics.countsOf(route.endpoint.path, method);
    return route.state.counts;
  };
  return (exchange: Exchange, durationMs: number): void => {
    const { request, response, route, verified, instanceId } = exchange;
    const status = exchange.isUpgraded ? SWITCHED : response.writableFinished ? response.statusCode : CLIENT_LEFT;
    const method = request.method ?? '';
    countsOf(route, method).add(status, durationMs / 1_000);
    if (output === null || route?.isOperational === true) return;
    const isRefusal = status === 429 || status === 503;
    if (isRefusal && isTooMany()) return;
    const tenant = verified === null ? '' : `,"tenantId":"${verified.claims.tenantId}"`;
    const upstream = instanceId === null ? '' : `,"upstream":${pieces.quoted(instanceId)}`;
    output.write(
      `{"level":"info","time":"${pieces.now()}",${whose},"traceId":"${traceIdOf(exchange.traceparent)}",` +
        `"method":${pieces.quoted(method)},"route":${route?.state.quotedPath ?? UNMATCHED_QUOTED},"status":${status},` +
        `"durationMs":${Math.round(durationMs * 10) / 10}${tenant}${upstream}${isRefusal ? takeLeftOut() : ''},"msg":"request"}\n`,
    );
  };
}
