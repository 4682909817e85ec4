import { PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { CLIENT_ADDRESS_HEADER, DEADLINE_HEADER, TRACEPARENT_HEADER } from '@tenantry/mesh/headers.ts';
import type { Verified } from '../access/verified.ts';
import type { Exchange } from '../edge/exchange.ts';
import { Upload } from '../edge/upload.ts';
import { firstHop } from '../traces/note-attempt.ts';
import { Forwarding } from './forwarding.ts';
import type { Upstreams } from './upstreams.ts';

export const IDEMPOTENT_METHODS = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);
/** A service gives up so much before we do, so that its own 504 can still be passed on. */
const DEADLINE_MARGIN_MS = 50;

/** Sends a request on, with what the house adds to it. The client's token stays here. */
export function createForward(options: {
  readonly upstreams: Upstreams;
  readonly requestDeadlineMs: number;
  readonly passportFor: (verified: Verified) => string;
  readonly fail: (exchange: Exchange, error: unknown) => void;
}) {
  return (exchange: Exchange): void => {
    const { route, head, verified } = exchange;
    if (route === null || head === null) throw new Error('A request is forwarded after it was routed.');
    exchange.deadlineMs = Date.now() + options.requestDeadlineMs;
    const headers = head.forwarded;
    headers.push(CLIENT_ADDRESS_HEADER, exchange.clientAddress, TRACEPARENT_HEADER, firstHop(exchange));
    if (exchange.body instanceof Upload) {
      // Its time begins when it is through. The length was taken away with what frames this hop; it is still true.
      if (exchange.body.contentLength !== null) headers.push('content-length', String(exchange.body.contentLength));
    } else headers.push(DEADLINE_HEADER, String(exchange.deadlineMs - DEADLINE_MARGIN_MS));
    if (verified !== null) headers.push(PASSPORT_HEADER, options.passportFor(verified));
    const isKeyed = route.endpoint.idempotency && head.hasIdempotencyKey;
    const { path, query } = exchange.target;
    const tenantId = verified?.claims.tenantId ?? null;
    new Forwarding({
      cluster: options.upstreams.clusterOf(route.service, tenantId),
      exchange,
      path: query === '' ? path : `${path}?${query}`,
      balanceBy: tenantId ?? exchange.clientAddress,
      reshaping: null,
      isIdempotent: isKeyed || IDEMPOTENT_METHODS.has(exchange.request.method ?? ''),
      headers,
      fail: (error) => options.fail(exchange, error),
    }).start();
  };
}
