import { PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { CLIENT_ADDRESS_HEADER, TRACEPARENT_HEADER } from '@tenantry/mesh/headers.ts';
import type { Verified } from '../access/verified.ts';
import type { Exchange } from '../edge/exchange.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import type { Destination } from './destination.ts';

const TIMEOUT_MS = 5_000;

/** What a service is told of who opens a WebSocket: the same as with a request, but for the deadline, as it has none. */
export const createServiceDestination =
  (options: { readonly upstreams: Upstreams; readonly passportFor: (verified: Verified) => string }) =>
  ({ clientAddress, head, route, target, traceparent, verified }: Exchange): Destination => {
    const tenantId = verified?.claims.tenantId ?? null;
    return {
      cluster: options.upstreams.clusterOf(route?.service ?? '', tenantId),
      path: target.query === '' ? target.path : `${target.path}?${target.query}`,
      balanceBy: tenantId ?? clientAddress,
      headers: [
        ...(head?.forwarded ?? []),
        ...[CLIENT_ADDRESS_HEADER, clientAddress, TRACEPARENT_HEADER, traceparent],
        ...(verified === null ? [] : [PASSPORT_HEADER, options.passportFor(verified)]),
      ],
      timeoutMs: TIMEOUT_MS,
      reshaping: null,
    };
  };
