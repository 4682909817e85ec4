import type { CallContext } from '@tenantry/kernel/call-context.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { peerOf } from '@tenantry/mesh/identity.ts';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { AnsweredRoute, Answering } from './answering.ts';
import type { OutgoingAnswer } from './outgoing-answer.ts';

/** The trace of what goes through is kept with the request, so that every line of the log and every problem names one. */
declare module 'fastify' {
  interface FastifyRequest {
    callContext: CallContext | undefined;
  }
  interface FastifyContextConfig {
    isRoutine?: boolean;
  }
}

/** The HTTP side of a service: sockets, limits and routes. What a request gets for an answer, `answering` says. */
export function createHttpServer(answering: Answering): FastifyInstance {
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
      const context = answering.contextOf(request.headers);
      send(reply, answering.refuse(error, request.url, context, undefined));
      const about = { method: request.method, pattern: undefined, isRoutine: false };
      answering.finish(about, reply.statusCode, reply.elapsedTime, context);
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
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
  app.addHook('onRequest', async (request, reply) => {
    request.callContext = answering.contextOf(request.headers);
    const end = answering.begin();
    // Once per request, also when the client is gone before the answer.
    if (end !== null) reply.raw.once('close', () => end(reply.statusCode >= 500 || !reply.raw.writableFinished));
    if (request.is404) throw notFound('There is nothing at this address.');
  });
  app.addHook('onResponse', async (request, reply) => {
    const { url: pattern, config } = request.routeOptions;
    const about = { method: request.method, pattern, isRoutine: config.isRoutine === true };
    answering.finish(about, reply.statusCode, reply.elapsedTime, contextOf(answering, request));
  });
  app.setErrorHandler((error, request, reply) => refuse(answering, request, reply, error));
  for (const route of answering.routes) addRoute(app, answering, route);
  return app;
}

function addRoute(app: FastifyInstance, answering: Answering, route: AnsweredRoute): void {
  app.route({
    method: route.method,
    url: route.path,
    ...(route.maxBodyBytes === null ? {} : { bodyLimit: route.maxBodyBytes }),
    config: { isRoutine: route.isRoutine },
    handler: async (request, reply) => {
      const { url, params, query, headers, body, ip } = request;
      const answer = await answering.answer(
        route,
        {
          url,
          params,
          query,
          headers,
          body: Buffer.isBuffer(body) ? body : undefined,
          remoteAddress: ip,
          peer: peerOf(request.raw.socket),
        },
        contextOf(answering, request),
      );
      return send(reply, answer);
    },
  });
}

const contextOf = (answering: Answering, request: FastifyRequest): CallContext =>
  request.callContext ?? answering.contextOf(request.headers);

function refuse(answering: Answering, request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const context = contextOf(answering, request);
  return send(reply, answering.refuse(error, request.url, context, request.routeOptions.url));
}

function send(reply: FastifyReply, { status, headers, body }: OutgoingAnswer): FastifyReply {
  for (let index = 0; index < headers.length; index += 2) reply.header(headers[index] ?? '', headers[index + 1]);
  return reply.code(status).send(body ?? undefined);
}
