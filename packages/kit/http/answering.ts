import type { IncomingHttpHeaders } from 'node:http';
import type { Method } from '@tenantry/contract/endpoint.ts';
import { type CallContext, runWithContext, traceIdOf } from '@tenantry/kernel/call-context.ts';
import { DEADLINE_HEADER } from '@tenantry/mesh/headers.ts';
import type { LinkCounts } from '@tenantry/mesh/links/link-counts.ts';
import type { Dependencies } from '../health/dependencies.ts';
import type { LoadMeter } from '../lifecycle/load-meter.ts';
import type { MeshDoorCounts } from '../lifecycle/mesh-door-counts.ts';
import { registerMeshLinkMetrics } from '../lifecycle/mesh-link-metrics.ts';
import { type Logger, withoutRedaction } from '../logger.ts';
import { endRequestTrace, traceRequest } from '../tracing/server-span.ts';
import { registerTraceMetrics } from '../tracing/trace-metrics.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { type AnswerOptions, type AnswerRequest, pathOf, prepareRoute } from './answer-route.ts';
import { type DatabaseFigures, registerDatabaseMetrics } from './database-metrics.ts';
import { registerDependencyMetrics } from './dependency-metrics.ts';
import { headerOf, type IncomingRequest } from './incoming-request.ts';
import { createHttpMetrics, type HttpMetrics } from './metrics.ts';
import { jsonAnswer, type OutgoingAnswer, toRefusal } from './outgoing-answer.ts';
import type { Route } from './route.ts';

export type AnsweringOptions = AnswerOptions & {
  readonly service: string;
  readonly routes: readonly Route[];
  readonly isReady: () => Promise<boolean>;
  /** Whose calls and connections are among the metrics. */
  readonly databases?: DatabaseFigures;
  /** Left out where nothing is depended on that could be told of. */
  readonly health?: {
    readonly dependencies: Dependencies;
    /** Those that do not answer right now. */
    readonly failing: () => Promise<ReadonlySet<string>>;
  };
  /** Counts every request, for the heartbeats. */
  readonly load?: LoadMeter;
  /** Left out where nobody listens: traces are passed on all the same. */
  readonly tracing?: Tracing | undefined;
  /** Of the mesh door that leads here as well. */
  readonly doorCounts?: MeshDoorCounts;
  /** Of the links to whom this process calls. */
  readonly linkCounts?: LinkCounts;
};

/** An address that is answered. */
export type AnsweredRoute = {
  readonly method: Method;
  /** With `:param` segments. */
  readonly path: string;
  readonly maxBodyBytes: number | null;
  /** Counted, but not worth a line in the log while it goes well. */
  readonly isRoutine: boolean;
  readonly answer: AnswerRequest;
};

const DEFAULT_DEADLINE_MS = 15_000;

/**
 * What a service answers, whatever a request comes over: the same checks in the same order, the same refusals, the same
 * counts and the same lines in the log. HTTP (`server.ts`) and links (`link-door.ts`) only bring and fetch.
 */
export class Answering {
  readonly routes: readonly AnsweredRoute[];
  readonly #options: AnsweringOptions;
  readonly #metrics: HttpMetrics;
  /** For the lines of answered requests. */
  readonly #requests: Logger;

  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#requests = withoutRedaction(options.logger);
    this.#metrics = createHttpMetrics(options.service);
    if (options.health !== undefined) registerDependencyMetrics(this.#metrics.registry, options.health.dependencies);
    if (options.databases !== undefined) registerDatabaseMetrics(this.#metrics.registry, options.databases);
    if (options.tracing !== undefined) registerTraceMetrics(this.#metrics.registry, options.tracing);
    options.doorCounts?.register(this.#metrics.registry);
    if (options.linkCounts !== undefined) registerMeshLinkMetrics(this.#metrics.registry, options.linkCounts);
    this.routes = [...operationalRoutes(options, this.#metrics), ...options.routes.map((route) => of(options, route))];
  }

  /** @param deadlineMs what the connection itself says of the deadline */
  contextOf(headers: IncomingHttpHeaders, deadlineMs = Number.POSITIVE_INFINITY): CallContext {
    const said = Number(headerOf(headers, DEADLINE_HEADER) ?? Number.NaN) || Number.POSITIVE_INFINITY;
    return {
      ...traceRequest(this.#options.tracing, headerOf(headers, 'traceparent')),
      deadlineMs: Math.min(said, deadlineMs, Date.now() + DEFAULT_DEADLINE_MS),
    };
  }

  /** A request has begun. Call what this answers once, when it is over; null where nobody counts. */
  begin(): ((isFailed: boolean) => void) | null {
    return this.#options.load?.begin() ?? null;
  }

  /** Never rejects: whatever goes wrong is an answer. */
  async answer(route: AnsweredRoute, request: IncomingRequest, context: CallContext): Promise<OutgoingAnswer> {
    try {
      return await runWithContext(context, () => route.answer(request, context));
    } catch (error) {
      return this.refuse(error, request.url, context, route.path);
    }
  }

  /** @param pattern of its route; undefined where none was found */
  refuse(error: unknown, url: string, context: CallContext, pattern: string | undefined): OutgoingAnswer {
    const refusal = toRefusal(error, { instance: pathOf(url), traceId: traceIdOf(context.traceparent) });
    if (refusal.status >= 500)
      runWithContext(context, () => this.#options.logger.error({ err: error, route: pattern }, 'request failed'));
    return refusal;
  }

  /** A request was answered. @param pattern as above; HEAD is answered by the route of its GET */
  finish(
    request: { readonly method: string; readonly pattern: string | undefined; readonly isRoutine: boolean },
    status: number,
    durationMs: number,
    context: CallContext,
  ): void {
    const { method, pattern = 'unmatched', isRoutine } = request;
    this.#metrics.countsOf(pattern, method).add(status, durationMs / 1_000);
    endRequestTrace(context, { method, route: pattern, isRoutine }, status);
    if (pattern.startsWith('/health/') || pattern === '/metrics') return;
    runWithContext(context, () =>
      this.#requests[isRoutine && status < 400 ? 'debug' : 'info'](
        { method, route: pattern, status, durationMs: Math.round(durationMs) },
        'request',
      ),
    );
  }
}

const of = (options: AnswerOptions, route: Route): AnsweredRoute => ({
  method: route.endpoint.method,
  path: route.endpoint.path,
  maxBodyBytes: route.endpoint.maxBodyBytes,
  isRoutine: route.endpoint.isRoutine,
  answer: prepareRoute(options, route),
});

function operationalRoutes({ isReady, health }: AnsweringOptions, { registry }: HttpMetrics): AnsweredRoute[] {
  const get = (path: string, answer: () => Promise<OutgoingAnswer>): AnsweredRoute => ({
    ...{ method: 'GET', path, maxBodyBytes: null, isRoutine: true },
    answer,
  });
  return [
    get('/health/live', async () => jsonAnswer(200, { status: 'live' })),
    get('/health/ready', async () => {
      if (!(await isReady())) return jsonAnswer(503, { status: 'starting' });
      if (health === undefined) return jsonAnswer(200, { status: 'ready' });
      const readiness = health.dependencies.readiness(await health.failing());
      // Degraded is ready: others would be no better off, and what the degraded modes promise still has to be served.
      return jsonAnswer(readiness.status === 'not-ready' ? 503 : 200, readiness);
    }),
    get('/metrics', async () => ({
      status: 200,
      headers: ['content-type', registry.contentType],
      body: await registry.metrics(),
    })),
  ];
}
