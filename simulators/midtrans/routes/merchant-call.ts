import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isJsonObject } from '../domain/json.ts';
import { type Answer, answer, errorAnswer } from '../envelope.ts';
import { type CallFault, takeForCall } from '../faults.ts';
import { maxKeyLength } from '../idempotency.ts';
import { type Merchant, readServerKey } from '../merchants.ts';
import type { Simulator } from '../simulator.ts';
import { MalformedJson } from './json-body.ts';

export type MerchantCall = {
  readonly merchant: Merchant;
  readonly body: unknown;
  /** Order id or transaction id from the path; empty on charge. */
  readonly id: string;
  readonly headers: FastifyRequest['headers'];
  readonly baseUrl: string;
  readonly faults: readonly CallFault[];
};

export type MerchantHandler = (call: MerchantCall) => Answer;

type CallOptions = { readonly toAnswer?: (core: Answer) => Answer };

/** How long a call that "timed out" is left hanging before its connection is cut. */
const defaultHoldMs = 60_000;

const baseUrlOf = (request: FastifyRequest): string => `${request.protocol}://${request.host}`;

/**
 * What happens around every call of a merchant, in this order: key, Accept header, JSON, idempotency, scripted faults,
 * the call itself, and what a fault does to its answer.
 */
export function merchantCall(
  simulator: Simulator,
  handler: MerchantHandler,
  { toAnswer = (a) => a }: CallOptions = {},
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const send = ({ httpStatus, body }: Answer): FastifyReply => reply.code(httpStatus).send(body);
    const merchant = simulator.merchants.authenticate(readServerKey(request.headers.authorization));
    if (merchant === undefined) return send(toAnswer(errorAnswer('401')));
    if (!acceptsJson(request.headers.accept)) return send(toAnswer(errorAnswer('403')));
    if (request.body instanceof MalformedJson) return send(toAnswer(errorAnswer('413')));

    const key = idempotencyKeyOf(request, merchant);
    const known = key === undefined ? 'start' : simulator.idempotency.begin(key, simulator.clock.nowMs());
    if (known === 'running') return send(answer(stillRunning, 202));
    if (known !== 'start') return send(known);

    let result: Answer | undefined;
    try {
      const id = idOf(request);
      const faults = takeForCall(simulator.faults, {
        path: request.url.split('?')[0] ?? '',
        method: request.method,
        orderId: orderIdOf(simulator, merchant, id, request.body),
        serverKey: merchant.serverKey,
      });
      const early = await sufferBefore(faults);
      if (early === 'reset') return cutConnection(reply);
      const { headers, body } = request;
      const call = { merchant, body, id, headers, baseUrl: baseUrlOf(request), faults };
      result = toAnswer(early ?? handler(call));
      return sufferAfter(faults, reply) ?? send(result);
    } finally {
      if (key !== undefined) {
        if (result !== undefined && isSuccess(result))
          simulator.idempotency.finish(key, result, simulator.clock.nowMs());
        else simulator.idempotency.abandon(key);
        simulator.changed();
      }
    }
  };
}

const stillRunning = {
  status_code: '202',
  status_message: 'The first request with this Idempotency-Key is still in process.',
};

function acceptsJson(accept: string | undefined): boolean {
  return accept === undefined || /application\/(json|\*)|\*\/\*/i.test(accept);
}

/** POST only; too long a key is ignored; charges of Permata virtual accounts do not support it. */
function idempotencyKeyOf(request: FastifyRequest, merchant: Merchant): string | undefined {
  const key = request.headers['idempotency-key'];
  if (request.method !== 'POST' || typeof key !== 'string' || key === '' || key.length > maxKeyLength) return undefined;
  return isPermataCharge(request.body) ? undefined : `${merchant.serverKey} ${key}`;
}

function isPermataCharge(body: unknown): boolean {
  if (!isJsonObject(body)) return false;
  const transfer = body['bank_transfer'];
  return body['payment_type'] === 'permata' || (isJsonObject(transfer) && transfer['bank'] === 'permata');
}

function idOf(request: FastifyRequest): string {
  const { params } = request;
  return isJsonObject(params) && typeof params['id'] === 'string' ? params['id'] : '';
}

function orderIdOf(simulator: Simulator, merchant: Merchant, id: string, body: unknown): string | undefined {
  if (id !== '') return simulator.transactions.ofMerchant(merchant.serverKey, id)?.orderId ?? id;
  const details = isJsonObject(body) ? body['transaction_details'] : undefined;
  const orderId = isJsonObject(details) ? details['order_id'] : undefined;
  return typeof orderId === 'string' ? orderId : undefined;
}

/** Only successes are remembered by the idempotency store. Snap says so by its HTTP status alone. */
function isSuccess({ httpStatus, body }: Answer): boolean {
  const statusCode = body['status_code'];
  return httpStatus < 300 && (statusCode === undefined || /^(2\d\d|407)$/.test(String(statusCode)));
}

async function sufferBefore(faults: readonly CallFault[]): Promise<Answer | 'reset' | undefined> {
  for (const fault of faults) {
    if (fault.kind === 'delay') await sleep(fault.delayMs, undefined, { ref: false });
    if (fault.kind === 'rate-limit') return errorAnswer('429');
    if (fault.kind === 'error') {
      const { statusCode, statusMessage = 'Scripted error' } = fault;
      return answer(
        { status_code: statusCode, status_message: statusMessage },
        fault.httpStatus ?? httpStatusFor(statusCode),
      );
    }
    if (fault.kind === 'connection-reset' && fault.afterSuccess !== true) return 'reset';
  }
  return undefined;
}

/** 5xx are real HTTP statuses; 900 and the business errors come with 200. */
const httpStatusFor = (statusCode: string): number => (/^5\d\d$/.test(statusCode) ? Number(statusCode) : 200);

/** The call was done, but its answer never arrives. */
function sufferAfter(faults: readonly CallFault[], reply: FastifyReply): FastifyReply | undefined {
  for (const fault of faults) {
    if (fault.kind === 'connection-reset' && fault.afterSuccess === true) return cutConnection(reply);
    if (fault.kind === 'timeout-after-success') {
      const { socket } = reply.raw;
      setTimeout(() => socket?.destroy(), fault.holdMs ?? defaultHoldMs).unref();
      return reply.hijack();
    }
  }
  return undefined;
}

function cutConnection(reply: FastifyReply): FastifyReply {
  reply.hijack();
  reply.raw.socket?.resetAndDestroy();
  return reply;
}
