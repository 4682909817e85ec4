import { traceIdOf } from '@tenantry/kernel/call-context.ts';
import { SECURITY_HEADERS } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { sendRefusal } from '../edge/send.ts';
import { type RateRefusal, renderRateRefusal } from './rate-refusal.ts';

/** Answers 429 from what was rendered before. */
export function refuseRate(exchange: Exchange, refusal: RateRefusal): void {
  const { status, headers, body } = renderRateRefusal(refusal, {
    instance: exchange.target.path,
    traceId: traceIdOf(exchange.traceparent),
  });
  sendRefusal(exchange, status, [...exchange.answerHeaders, ...headers, ...SECURITY_HEADERS], body);
}
