import type { Socket } from 'node:net';
import { traceIdOf } from '@tenantry/kernel/call-context.ts';
import { SECURITY_HEADERS } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { sendRefusal } from '../edge/send.ts';
import type { PreparedRefusal } from './prepared-refusal.ts';

/** Refusals on one connection of late; they are forgiven as time passes. */
type Record = { level: number; atMs: number; isHeld: boolean };

const FORGIVEN_PER_SECOND = 20;
const FREE_REFUSALS = 20;
const HOLD_MS = 100;
const MAX_HELD = 2_000;

const records = new WeakMap<Socket, Record>();
let held = 0;

/**
 * Answers from what was rendered before. A connection that goes on asking in spite of its refusals gets the next ones a
 * little later, which costs nothing here and slows whoever waits for answers; one that does not even wait is closed.
 */
export function refusePrepared(exchange: Exchange, refusal: PreparedRefusal): void {
  const record = recordOf(exchange.request.socket);
  if (record.level <= FREE_REFUSALS) {
    send(exchange, refusal);
    return;
  }
  if (record.isHeld || held >= MAX_HELD) {
    exchange.response.shouldKeepAlive = false;
    send(exchange, refusal);
    return;
  }
  record.isHeld = true;
  held++;
  setTimeout(() => {
    record.isHeld = false;
    held--;
    send(exchange, refusal);
  }, HOLD_MS);
}

function recordOf(socket: Socket): Record {
  const nowMs = performance.now();
  let record = records.get(socket);
  if (record === undefined) {
    record = { level: 0, atMs: nowMs, isHeld: false };
    records.set(socket, record);
  }
  record.level = Math.max(0, record.level - ((nowMs - record.atMs) * FORGIVEN_PER_SECOND) / 1_000) + 1;
  record.atMs = nowMs;
  return record;
}

function send(exchange: Exchange, { template, retryAfterSeconds }: PreparedRefusal): void {
  const { status, headers, body } = template.render(retryAfterSeconds, {
    instance: exchange.target.path,
    traceId: traceIdOf(exchange.traceparent),
  });
  sendRefusal(exchange, status, [...exchange.answerHeaders, ...headers, ...SECURITY_HEADERS], body);
}
