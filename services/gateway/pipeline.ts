import type { IncomingMessage, ServerResponse } from 'node:http';
import { continueTrace, traceIdOf } from '@tenantry/kernel/call-context.ts';
import { Problem, statusOf } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import { checkPermission } from './access/check-permission.ts';
import { clientAddressOf } from './edge/client-address.ts';
import { Exchange, runSteps, type Step } from './edge/exchange.ts';
import { BodyReader } from './edge/request-body.ts';
import { readRequestHead } from './edge/request-head.ts';
import { refuse, sendWhole } from './edge/send.ts';
import { readTarget } from './edge/target.ts';
import { methodNotAllowed, upgradeRefused } from './problems.ts';
import { findProduct, findPublicProduct, requireProduct } from './products/find-product.ts';
import { isProductPath, type ProductTable } from './products/product-table.ts';
import { type RouteTable, unknownPath } from './routing/route-table.ts';

export type PipelineOptions = {
  readonly table: () => RouteTable;
  readonly products: ProductTable;
  /** False until every required service has been seen: an unknown path may be one that is not known yet. */
  readonly knowsAllRoutes: () => boolean;
  readonly authenticate: Step;
  readonly checkTenant: Step;
  readonly limitRate: Step;
  readonly forward: Step;
  readonly onOver: (exchange: Exchange) => void;
  readonly logger: Logger;
};

/** The path of every request, step by step. A step that need not wait does not: most requests leave in the turn they came. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #bodies = new BodyReader();
  readonly #guarded: readonly Step[];
  readonly #public: readonly Step[];
  readonly #product: readonly Step[];

  constructor(options: PipelineOptions) {
    this.#options = options;
    const answer: Step = (exchange) => (exchange.route?.answer ?? options.forward)(exchange);
    const readBody: Step = (exchange) => this.#bodies.read(exchange, exchange.route?.endpoint.maxBodyBytes ?? 0);
    this.#guarded = [options.authenticate, options.checkTenant, options.limitRate, checkPermission, readBody, answer];
    this.#public = [options.limitRate, readBody, answer];
    this.#product = [
      ...[options.authenticate, options.checkTenant, findProduct(options.products)],
      ...[options.limitRate, requireProduct(options.products), checkPermission, readBody, answer],
    ];
  }

  readonly receive = (request: IncomingMessage, response: ServerResponse): void => {
    const address = clientAddressOf(request.socket.remoteAddress);
    const exchange = new Exchange(request, response, address);
    response.once('close', () => {
      exchange.isOver = true;
      exchange.onOver?.();
      this.#options.onOver(exchange);
    });
    try {
      this.#admit(exchange);
    } catch (error) {
      this.fail(exchange, error);
    }
  };

  /** Answers with the problem that `error` is; what is nobody's fault but ours is logged. */
  readonly fail = (exchange: Exchange, error: unknown): void => {
    const isOurs = !(error instanceof Problem) || statusOf(error.kind) >= 500;
    if (isOurs && !exchange.isOver) {
      const line = { err: error, route: exchange.route?.endpoint.path, traceId: traceIdOf(exchange.traceparent) };
      if (error instanceof Problem) this.#options.logger.warn(line, 'request failed');
      else this.#options.logger.error(line, 'request failed');
    }
    refuse(exchange, error);
  };

  #admit(exchange: Exchange): void {
    const { request } = exchange;
    const trace = (parent: string | undefined): void => {
      exchange.traceparent = continueTrace(parent);
      exchange.answerHeaders.push('x-trace-id', traceIdOf(exchange.traceparent));
    };
    try {
      exchange.head = readRequestHead(request.rawHeaders, request.httpVersion);
    } finally {
      trace(exchange.head?.traceparent);
    }
    exchange.target = readTarget(request.url ?? '');
    if (exchange.head.wantsWebSocket) throw upgradeRefused('WebSocket connections are not taken at this address.');
    const route = this.#options.table().find(request.method ?? '', exchange.target.path);
    const fail = (error: unknown): void => this.fail(exchange, error);
    if (route === undefined && isProductPath(exchange.target.path)) {
      // A product is looked up for the tenant, so that has to be known first; but for what the platform leaves open.
      const isOpen = exchange.head.authorization === null && findPublicProduct(this.#options.products, exchange);
      runSteps(isOpen ? this.#public : this.#product, exchange, fail);
      return;
    }
    if (route === undefined) {
      this.#answerUnrouted(exchange);
      return;
    }
    exchange.route = route;
    if (route.isOperational) runSteps([(one) => route.answer?.(one)], exchange, fail);
    else runSteps(route.endpoint.access === 'public' ? this.#public : this.#guarded, exchange, fail);
  }

  #answerUnrouted(exchange: Exchange): void {
    const { request, target } = exchange;
    const methods = this.#options.table().methodsOf(target.path);
    if (methods.length === 0) {
      if (this.#options.knowsAllRoutes()) throw unknownPath();
      throw upstreamUnavailable('The system is starting. Try again shortly.', { retryAfterSeconds: 1 });
    }
    const allow = ['allow', [...methods, 'OPTIONS'].join(', ')];
    if (request.method === 'OPTIONS') {
      sendWhole(exchange, 204, allow, '');
      return;
    }
    refuse(exchange, methodNotAllowed(`${target.path} takes ${methods.join(', ')}, not ${request.method}.`), allow);
  }
}
