import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { traceIdOf } from '@tenantry/kernel/call-context.ts';
import { Problem, statusOf } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { Tracing } from '@tenantry/kit/tracing/tracing.ts';
import { checkPermission } from './access/check-permission.ts';
import { clientAddressOf } from './edge/client-address.ts';
import type { Cors } from './edge/cors.ts';
import { Exchange, runSteps, type Step } from './edge/exchange.ts';
import type { PaceKeeper } from './edge/pace-keeper.ts';
import { BodyReader } from './edge/request-body.ts';
import { type RequestHead, readRequestHead } from './edge/request-head.ts';
import { refuse, sendWhole } from './edge/send.ts';
import { readTarget } from './edge/target.ts';
import type { FailureLimiter } from './limits/failure-limiter.ts';
import type { EventStreams } from './live/event-streams.ts';
import type { Admission } from './overload/admission.ts';
import { PreparedRefusal } from './overload/prepared-refusal.ts';
import { refusePrepared } from './overload/refuse-prepared.ts';
import { methodNotAllowed, upgradeRefused, upgradeRequired } from './problems.ts';
import { findProduct, findPublicProduct, requireProduct, requireWebSocket } from './products/find-product.ts';
import { isProductPath, type ProductTable } from './products/product-table.ts';
import { type RouteTable, unknownPath } from './routing/route-table.ts';
import type { WebSockets } from './websocket/web-sockets.ts';

export type PipelineOptions = {
  readonly table: () => RouteTable;
  readonly products: ProductTable;
  /** False until every required service has been seen: an unknown path may be one that is not known yet. */
  readonly knowsAllRoutes: () => boolean;
  readonly authenticate: Step;
  readonly checkTenant: Step;
  readonly limitRate: Step;
  readonly failures: FailureLimiter;
  readonly admission: Admission;
  readonly forward: Step;
  readonly cors: Cors;
  readonly webSockets: WebSockets;
  readonly paces: PaceKeeper;
  /** Headers that no answer goes without. */
  readonly everyAnswer: readonly string[];
  readonly clientAddressOf: (peer: string, forwardedFor: string | null) => string;
  readonly eventStreams: EventStreams;
  readonly tracing: Tracing;
  readonly onOver: (exchange: Exchange) => void;
  readonly logger: Logger;
};

/** The path of every request, step by step. A step that need not wait does not: most requests leave in the turn they came. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #bodies = new BodyReader();
  readonly #guarded: readonly Step[];
  readonly #public: readonly Step[];
  readonly #guardedSocket: readonly Step[];
  readonly #publicSocket: readonly Step[];
  readonly #product: readonly Step[];
  readonly #productSocket: readonly Step[];
  readonly #publicProductSocket: readonly Step[];

  constructor(options: PipelineOptions) {
    this.#options = options;
    const answer: Step = (exchange) => (exchange.route?.answer ?? options.forward)(exchange);
    const readBody: Step = (exchange) => this.#bodies.read(exchange, exchange.route?.endpoint.maxBodyBytes ?? 0);
    const { authenticate, checkTenant, limitRate, cors, webSockets } = options;
    const { enter } = options.admission;
    const { enterAnnounced } = options.eventStreams;
    this.#guarded = [
      authenticate,
      cors.narrowToTenant,
      checkTenant,
      limitRate,
      checkPermission,
      readBody,
      enterAnnounced,
      enter,
      answer,
    ];
    this.#public = [limitRate, readBody, enterAnnounced, enter, answer];
    const { checkOrigin, open } = webSockets;
    this.#guardedSocket = [authenticate, checkTenant, checkOrigin, limitRate, checkPermission, open];
    this.#publicSocket = [checkOrigin, limitRate, open];
    const { products } = options;
    this.#product = [
      ...[authenticate, cors.narrowToTenant, checkTenant, findProduct(products), limitRate, requireProduct(products)],
      ...[checkPermission, readBody, enterAnnounced, enter, answer],
    ];
    this.#productSocket = [
      ...[authenticate, checkTenant, checkOrigin, findProduct(products), limitRate, requireProduct(products)],
      ...[requireWebSocket, checkPermission, open],
    ];
    this.#publicProductSocket = [checkOrigin, limitRate, requireWebSocket, open];
  }

  readonly receive = (request: IncomingMessage, response: ServerResponse): void => {
    const exchange = this.#begin(request, response);
    exchange.onEventStream = this.#options.eventStreams.begin;
    exchange.enterEventStream = this.#options.eventStreams.enter;
    this.#options.paces.add(exchange);
    try {
      this.#admit(exchange);
    } catch (error) {
      this.fail(exchange, error);
    }
  };

  /** As `receive`; the answer is written only where there is to be no WebSocket. */
  readonly receiveWebSocket = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    try {
      response.assignSocket(socket);
    } catch {
      socket.destroy(); // another answer is still being written on this connection
      return;
    }
    response.once('finish', () => socket.destroySoon());
    const exchange = this.#begin(request, response);
    try {
      this.#admitWebSocket(exchange, socket, head);
    } catch (error) {
      this.fail(exchange, error);
    }
  };

  /** Answers with the problem that `error` is; what is nobody's fault but ours is logged. */
  readonly fail = (exchange: Exchange, error: unknown): void => {
    if (error instanceof PreparedRefusal) {
      refusePrepared(exchange, error);
      return;
    }
    const isOurs = !(error instanceof Problem) || statusOf(error.kind) >= 500;
    if (isOurs && !exchange.isOver) {
      const line = { err: error, route: exchange.route?.endpoint.path, traceId: traceIdOf(exchange.traceparent) };
      if (error instanceof Problem) this.#options.logger.warn(line, 'request failed');
      else this.#options.logger.error(line, 'request failed');
    }
    refuse(exchange, error);
  };

  #begin(request: IncomingMessage, response: ServerResponse): Exchange {
    const exchange = new Exchange(request, response, clientAddressOf(request.socket.remoteAddress));
    response.once('close', () => {
      exchange.isOver = true;
      this.#options.paces.answered(exchange);
      exchange.onOver?.(exchange);
      this.#options.admission.leave(exchange);
      this.#options.onOver(exchange);
    });
    return exchange;
  }

  /** Reads what every answer depends on, also a refusal's. */
  #read(exchange: Exchange): RequestHead {
    const { request, answerHeaders } = exchange;
    const { everyAnswer, clientAddressOf: addressOf, cors, tracing } = this.#options;
    try {
      exchange.head = readRequestHead(request.rawHeaders, request.httpVersion);
    } finally {
      exchange.traceparent = tracing.sampler.enter(exchange.head?.traceparent);
      exchange.tracer = tracing;
      answerHeaders.push('x-trace-id', traceIdOf(exchange.traceparent), ...everyAnswer);
    }
    exchange.clientAddress = addressOf(exchange.clientAddress, exchange.head.forwardedFor);
    cors.beginAnswer(exchange);
    exchange.target = readTarget(request.url ?? '', exchange.head.host);
    return exchange.head;
  }

  #admitWebSocket(exchange: Exchange, socket: Socket, head: Buffer): void {
    this.#read(exchange);
    const route = this.#options.table().find(exchange.request.method ?? '', exchange.target.path);
    const fail = (error: unknown): void => this.fail(exchange, error);
    if (route === undefined && isProductPath(exchange.target.path)) {
      this.#options.webSockets.begin(exchange, socket, head);
      const isOpen = exchange.head?.authorization === null && findPublicProduct(this.#options.products, exchange);
      runSteps(isOpen ? this.#publicProductSocket : this.#productSocket, exchange, fail);
      return;
    }
    if (route?.webSocket !== true) throw upgradeRefused('WebSocket connections are not taken at this address.');
    exchange.route = route;
    this.#options.webSockets.begin(exchange, socket, head);
    const steps = route.endpoint.access === 'public' ? this.#publicSocket : this.#guardedSocket;
    runSteps(steps, exchange, fail);
  }

  #admit(exchange: Exchange): void {
    const { request } = exchange;
    const head = this.#read(exchange);
    if (head.wantsWebSocket) throw upgradeRefused('WebSocket connections are not taken at this address.');
    const route = this.#options.table().find(request.method ?? '', exchange.target.path);
    const fail = (error: unknown): void => this.fail(exchange, error);
    if (route === undefined && isProductPath(exchange.target.path)) {
      const granted = this.#options.cors.preflightOfProducts(exchange);
      if (granted !== null) {
        sendWhole(exchange, 204, granted, '');
        return;
      }
      // A product is looked up for the tenant, so that has to be known first; but for what the platform leaves open.
      const isOpen = head.authorization === null && findPublicProduct(this.#options.products, exchange);
      runSteps(isOpen ? this.#public : this.#product, exchange, fail);
      return;
    }
    if (route === undefined) {
      this.#answerUnrouted(exchange);
      return;
    }
    exchange.route = route;
    if (route.webSocket === true) {
      const offer = ['upgrade', 'websocket'];
      refuse(exchange, upgradeRequired('Only WebSocket connections are taken at this address.'), offer);
      return;
    }
    if (route.isOperational) runSteps([(one) => route.answer?.(one)], exchange, fail);
    else runSteps(route.endpoint.access === 'public' ? this.#public : this.#guarded, exchange, fail);
  }

  #answerUnrouted(exchange: Exchange): void {
    const { request, target } = exchange;
    const methods = this.#options.table().methodsOf(target.path);
    if (methods.length === 0) {
      if (this.#options.knowsAllRoutes()) {
        this.#options.failures.check(exchange.clientAddress);
        this.#options.failures.count(exchange.clientAddress);
        throw unknownPath();
      }
      throw upstreamUnavailable('The system is starting. Try again shortly.', { retryAfterSeconds: 1 });
    }
    const allow = ['allow', [...methods, 'OPTIONS'].join(', ')];
    if (request.method === 'OPTIONS') {
      sendWhole(exchange, 204, [...allow, ...(this.#options.cors.preflight(exchange, methods) ?? [])], '');
      return;
    }
    refuse(exchange, methodNotAllowed(`${target.path} takes ${methods.join(', ')}, not ${request.method}.`), allow);
  }
}
