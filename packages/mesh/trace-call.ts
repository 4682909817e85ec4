import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { currentSpan, currentTraceparent } from '@tenantry/kernel/call-context.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { failureOf } from '@tenantry/kernel/tracing/failure-of.ts';

export type TracedCall = {
  /** What the service called goes on with. */
  readonly traceparent: string;
  readonly answered: (attempts: number, status: number) => void;
  readonly broke: (attempts: number, error: unknown) => void;
};

/** A call as one step, however many instances it takes. A refusal is an answer, and no failure of the call. */
export function traceCall(endpoint: Endpoint, target: string, tenantId: TenantId): TracedCall {
  const { method, path } = endpoint;
  const span = currentSpan()?.child({
    name: `${method} ${path}`,
    kind: 'client',
    tenantId,
    attributes: { 'http.request.method': method, 'url.template': path, 'service.peer.name': target },
  });
  if (span === undefined) return { traceparent: currentTraceparent(), answered: nothing, broke: nothing };
  const end = (attempts: number, failure: string | null): void => {
    if (attempts > 1) span.set('http.request.resend_count', attempts - 1);
    if (failure !== null) span.fail(failure);
    span.end();
  };
  return {
    traceparent: span.traceparent,
    answered(attempts, status) {
      span.set('http.response.status_code', status);
      end(attempts, status >= 500 ? String(status) : null);
    },
    broke: (attempts, error) => end(attempts, failureOf(error)),
  };
}

const nothing = (): void => undefined;
