import type { Principal } from '@tenantry/auth/principal.ts';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import {
  type CallContext,
  continueTrace,
  currentSpan,
  runWithContext,
  traceIdOf,
} from '@tenantry/kernel/call-context.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { malformedJson, notFound, upstreamTimeout } from '@tenantry/kernel/problems.ts';
import { CLIENT_ADDRESS_HEADER, DEADLINE_HEADER, IDEMPOTENCY_KEY_HEADER } from '@tenantry/mesh/headers.ts';
import { peerOf } from '@tenantry/mesh/identity.ts';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Dependencies } from '../health/dependencies.ts';
import type { LoadMeter } from '../lifecycle/load-meter.ts';
import type { MeshDoorCounts } from '../lifecycle/mesh-door-counts.ts';
import type { Logger } from '../logger.ts';
import { endRequestTrace, traceRequest } from '../tracing/server-span.ts';
import { registerTraceMetrics } from '../tracing/trace-metrics.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { authorize } from './authorization.ts';
import { readBodiesAsJson } from './body-parsers.ts';
import { contentDisposition } from './content-disposition.ts';
import { type DatabaseFigures, registerDatabaseMetrics } from './database-metrics.ts';
import { registerDependencyMetrics } from './dependency-metrics.ts';
import { readIfMatch, toETag } from './entity-tag.ts';
import { beginIdempotent, type IdempotencyOptions, isFinal } from './idempotency.ts';
import { createHttpMetrics } from './metrics.ts';
import type { Authenticate } from './passport-check.ts';
import { renderProblem } from './problem-body.ts';
import { FileAnswer, type PrincipalCall, type Route, Versioned } from './route.ts';
import { compileInput, compileOutput, compileParams } from './validation.ts';

export type HttpServerOptions = {
  readonly service: string;
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
  /** Null in a service without a database: its endpoints take no Idempotency-Key. */
  readonly idempotency: IdempotencyOptions | null;
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
  readonly logger: Logger;
};

type Prepared = {
  readonly route: Route;
  readonly checkParams: (value: unknown) => unknown;
  readonly checkQuery: (value: unknown) => unknown;
  readonly checkBody: (value: unknown) => unknown;
  readonly checkAnswer: ((value: unknown) => void) | null;
};

/** Traces of what goes through are kept with the request, so that every line of the log and every problem names one. */
declare module 'fastify' {
  interface FastifyRequest {
    callContext: CallContext;
  }
  interface FastifyContextConfig {
    isRoutine?: boolean;
  }
}

const DEFAULT_DEADLINE_MS = 15_000;

/** The HTTP side of a service: every route from its endpoint, with the same checks in the same order for all of them. */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    requestTimeout: 20_000,
    connectionTimeout: 0,
    keepAliveTimeout: 65_000,
    bodyLimit: 1_048_576,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true },
    // An address that the router cannot read never reaches a hook or the error handler.
    frameworkErrors: (error, request, reply) => {
      sendProblem(options.logger, request, reply, error);
    },
  });
  const metrics = createHttpMetrics(options.service);
  const { health } = options;
  if (health !== undefined) registerDependencyMetrics(metrics.registry, health.dependencies);
  if (options.databases !== undefined) registerDatabaseMetrics(metrics.registry, options.databases);
  const { tracing } = options;
  if (tracing !== undefined) registerTraceMetrics(metrics.registry, tracing);
  options.doorCounts?.register(metrics.registry);

  readBodiesAsJson(app);
  app.decorateRequest('callContext');
  // A request under way when the door closes would leave its connection open, and the close waiting, for the whole
  // keep-alive time.
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close');
  });
  app.addHook('onRequest', async (request) => {
    request.callContext = {
      ...traceRequest(tracing, header(request, 'traceparent')),
      deadlineMs: Math.min(
        Number(header(request, DEADLINE_HEADER) ?? Number.NaN) || Number.POSITIVE_INFINITY,
        Date.now() + DEFAULT_DEADLINE_MS,
      ),
    };
  });
  const { load } = options;
  if (load !== undefined)
    app.addHook('onRequest', async (_request, reply) => {
      const end = load.begin();
      // Once per request, also when the client is gone before the answer.
      reply.raw.once('close', () => end(reply.statusCode >= 500 || !reply.raw.writableFinished));
    });
  app.addHook('onResponse', async (request, reply) => {
    const pattern = request.routeOptions.url ?? 'unmatched';
    metrics.observe(pattern, request.method, reply.statusCode, reply.elapsedTime / 1_000);
    const isOperational = pattern.startsWith('/health/') || pattern === '/metrics';
    const isRoutine = isOperational || request.routeOptions.config.isRoutine === true;
    endRequestTrace(request.callContext, { method: request.method, route: pattern, isRoutine }, reply.statusCode);
    if (isOperational) return;
    const level = isRoutine && reply.statusCode < 400 ? 'debug' : 'info';
    runWithContext(request.callContext, () =>
      options.logger[level](
        { method: request.method, route: pattern, status: reply.statusCode, durationMs: Math.round(reply.elapsedTime) },
        'request',
      ),
    );
  });
  app.setErrorHandler((error, request, reply) => sendProblem(options.logger, request, reply, error));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(options.logger, request, reply, notFound('There is nothing at this address.')),
  );

  app.get('/health/live', async () => ({ status: 'live' }));
  app.get('/health/ready', async (_request, reply) => {
    if (!(await options.isReady())) return reply.code(503).send({ status: 'starting' });
    if (health === undefined) return reply.send({ status: 'ready' });
    const readiness = health.dependencies.readiness(await health.failing());
    // Degraded is ready: others would be no better off, and what the degraded modes promise still has to be served.
    return reply.code(readiness.status === 'not-ready' ? 503 : 200).send(readiness);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );

  for (const route of options.routes) addRoute(app, options, route);
  return app;
}

function addRoute(app: FastifyInstance, options: HttpServerOptions, route: Route): void {
  const { endpoint } = route;
  const prepared: Prepared = {
    route,
    checkParams: compileParams(endpoint.params),
    checkQuery: compileInput(endpoint.query, 'query'),
    // No body is asked for: none or {} will do, and a field in it is a mistake of the caller that must not pass in silence.
    checkBody: compileInput(endpoint.body ?? Closed({}), 'body'),
    checkAnswer: endpoint.response === null ? null : compileOutput(endpoint.response, endpoint.name),
  };
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    bodyLimit: endpoint.maxBodyBytes,
    config: { isRoutine: endpoint.isRoutine },
    handler: (request, reply) =>
      runWithContext(request.callContext, () => answerRequest(options, prepared, request, reply)),
  });
}

async function answerRequest(
  options: HttpServerOptions,
  prepared: Prepared,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { endpoint } = prepared.route;
  if (request.callContext.deadlineMs <= Date.now())
    throw upstreamTimeout('The deadline of this request had passed before it arrived.');
  const principal =
    endpoint.access === 'public'
      ? null
      : await options.authenticate(request.headers, endpoint, peerOf(request.raw.socket));
  if (principal !== null) {
    currentSpan()?.belongsTo(principal.tenantId);
    authorize(endpoint, principal);
  }
  if (endpoint.body !== null && (request.body === undefined || request.body === null)) {
    throw malformedJson('This endpoint needs a JSON body with Content-Type: application/json.');
  }
  const call = {
    params: prepared.checkParams(request.params),
    query: prepared.checkQuery(request.query),
    body: endpoint.body === null && request.body === undefined ? undefined : prepared.checkBody(request.body),
    headers: request.headers,
    ifMatchVersion: readIfMatch(header(request, 'if-match')),
    clientAddress: header(request, CLIENT_ADDRESS_HEADER) ?? request.ip,
    resourceUuid: newUuid(),
    ...(principal === null ? {} : { principal }),
  } as PrincipalCall<Endpoint>;

  const key = header(request, IDEMPOTENCY_KEY_HEADER);
  if (key !== undefined && endpoint.idempotency && principal !== null && options.idempotency !== null) {
    return answerOnce(options, options.idempotency, prepared, call, principal, key, request, reply);
  }
  return send(prepared, reply, await prepared.route.answer(call));
}

async function answerOnce(
  options: HttpServerOptions,
  idempotency: IdempotencyOptions,
  prepared: Prepared,
  call: PrincipalCall<Endpoint>,
  principal: Principal,
  key: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { endpoint } = prepared.route;
  const attempt = await beginIdempotent(idempotency, principal, endpoint.name, key, {
    params: call.params,
    body: call.body ?? null,
  });
  if (attempt.kind === 'replay') {
    reply.header('idempotency-replayed', 'true').code(attempt.answer.status);
    if (attempt.answer.status >= 400) reply.type('application/problem+json; charset=utf-8');
    return reply.send(attempt.answer.body ?? undefined);
  }
  try {
    const answer = await prepared.route.answer({ ...call, resourceUuid: attempt.resourceUuid });
    const body = answer instanceof Versioned ? answer.body : answer;
    prepared.checkAnswer?.(body);
    await attempt.finish({ status: endpoint.status, body });
    return send(prepared, reply, answer);
  } catch (error) {
    // Whatever becomes of the note, the caller is told what happened: kept or not, a repeat will find it again.
    const { status, body } = renderProblem(error, problemContext(request));
    await (isFinal(error) ? attempt.finish({ status, body }) : attempt.abandon()).catch((cause: unknown) =>
      options.logger.warn({ err: cause }, 'idempotency key stays leased'),
    );
    throw error;
  }
}

function send(prepared: Prepared, reply: FastifyReply, answer: unknown): FastifyReply {
  const { endpoint } = prepared.route;
  if (answer instanceof FileAnswer) {
    return reply
      .type(answer.contentType)
      .header('content-disposition', contentDisposition(answer.fileName))
      .header('x-content-type-options', 'nosniff')
      .send(answer.bytes);
  }
  if (answer instanceof Versioned) {
    reply.header('etag', toETag(answer.version));
    return send(prepared, reply, answer.body);
  }
  prepared.checkAnswer?.(answer);
  return reply.code(endpoint.status).send(answer === undefined ? undefined : answer);
}

const header = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
};

const problemContext = (request: FastifyRequest) => ({
  instance: request.url.split('?')[0] ?? '/',
  traceId: traceIdOf((request.callContext as CallContext | undefined)?.traceparent ?? continueTrace(undefined)),
});

function sendProblem(logger: Logger, request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const { status, headers, body } = renderProblem(error, problemContext(request));
  if (status >= 500)
    runWithContext(request.callContext, () =>
      logger.error({ err: error, route: request.routeOptions.url }, 'request failed'),
    );
  return reply.code(status).headers(headers).send(body);
}
