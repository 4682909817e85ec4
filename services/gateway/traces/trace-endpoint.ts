import { principalReach } from '@tenantry/auth/principal.ts';
import { notFound, validationFailed } from '@tenantry/kernel/problems.ts';
import type { SpanStore } from '@tenantry/kit/tracing/span-store.ts';
import { readTrace } from '../contract/traces.ts';
import type { Route } from '../edge/exchange.ts';
import { ownEndpoint } from '../own/own-endpoint.ts';
import { toTrace } from './span-tree.ts';

/** More than anybody reads; the longest ordinary one has sixty. */
const MOST_SPANS = 1_000;
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;

/** `GET /v1/traces/{traceId}`: of one's own tenant, whatever other tenants have done in the same trace. */
export const traceEndpoint = (store: Pick<SpanStore, 'read'>): Route =>
  ownEndpoint(readTrace, async ({ principal, params: { traceId } }) => {
    if (principal === null) throw new Error('Traces are for principals.');
    if (!TRACE_ID.test(traceId))
      throw validationFailed('The trace id is not one. Send the X-Trace-Id of an answer.', {
        errors: [{ path: 'path.traceId', message: 'must be 32 hexadecimal digits in lower case, not all zero' }],
      });
    const isForAll = principalReach(principal, 'trace:read') === 'platform';
    const spans = await store.read(isForAll ? 'everybody' : principal.tenantId, traceId, MOST_SPANS + 1);
    if (spans.length === 0)
      throw notFound(
        'There is no such trace. A new one takes about a second to be written; only some are, and they are forgotten after days.',
      );
    return toTrace(traceId, spans, MOST_SPANS);
  });
