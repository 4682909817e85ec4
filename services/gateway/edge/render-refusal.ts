import { type RenderedProblem, renderProblem } from '@tenantry/kit/http/problem-body.ts';
import { STATUS_OF } from '../problems.ts';

/** The kit's rendering, with the status codes that only an HTTP server has. */
export function renderRefusal(
  error: unknown,
  context: { readonly instance: string; readonly traceId: string },
): RenderedProblem {
  const rendered = renderProblem(error, context);
  const status = STATUS_OF.get(String(rendered.body.code));
  return status === undefined ? rendered : { ...rendered, status, body: { ...rendered.body, status } };
}
