import type { Problem } from '@tenantry/kernel/problem.ts';
import { renderRefusal } from '../edge/render-refusal.ts';

const PLACE = '\u0000';

type Rendered = { readonly status: number; readonly headers: readonly string[]; readonly pieces: readonly string[] };

/** A problem rendered once, but for what differs from request to request. */
export class RefusalTemplate {
  readonly #rendered: Rendered;

  constructor(problem: Problem) {
    const { status, headers, body } = renderRefusal(problem, { instance: PLACE, traceId: PLACE });
    const pieces = JSON.stringify(body).split(JSON.stringify(PLACE));
    this.#rendered = { status, headers: Object.entries(headers).flat(), pieces };
  }

  render(
    retryAfterSeconds: number,
    { instance, traceId }: { readonly instance: string; readonly traceId: string },
  ): { readonly status: number; readonly headers: readonly string[]; readonly body: string } {
    const { status, headers, pieces } = this.#rendered;
    const [before = '', between = '', after = ''] = pieces;
    return {
      status,
      headers: [...headers, 'retry-after', String(retryAfterSeconds)],
      body: `${before}${JSON.stringify(instance)}${between}"${traceId}"${after}`,
    };
  }
}

/**
 * Thrown as it is: it has no stack, is not logged for itself and was rendered before, because whoever floods gets it
 * thousands of times a second at the expense of everybody else.
 */
export class PreparedRefusal {
  readonly template: RefusalTemplate;
  readonly retryAfterSeconds: number;

  constructor(template: RefusalTemplate, retryAfterSeconds: number) {
    this.template = template;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
