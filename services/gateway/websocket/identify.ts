import { PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import { CLIENT_ADDRESS_HEADER, TRACEPARENT_HEADER } from '@tenantry/mesh/headers.ts';
import type { Verified } from '../access/verified.ts';
import type { Exchange } from '../edge/exchange.ts';

/** What a service is told of who opens a WebSocket: the same as with a request, but for the deadline, as it has none. */
export const createIdentify =
  (passportFor: (verified: Verified) => string) =>
  ({ clientAddress, traceparent, verified }: Exchange): readonly string[] => [
    ...[CLIENT_ADDRESS_HEADER, clientAddress, TRACEPARENT_HEADER, traceparent],
    ...(verified === null ? [] : [PASSPORT_HEADER, passportFor(verified)]),
  ];
