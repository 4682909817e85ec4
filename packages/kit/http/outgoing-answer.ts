import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { contentDisposition } from './content-disposition.ts';
import { toETag } from './entity-tag.ts';
import { renderProblem } from './problem-body.ts';
import { FileAnswer, Versioned } from './route.ts';

/** An answer as it goes out, over whatever the request came in. */
export type OutgoingAnswer = {
  readonly status: number;
  /** Names, in lower case, and values in turn; nothing of the framing. */
  readonly headers: string[];
  /** Null: none. */
  readonly body: string | Buffer | null;
};

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

export const jsonAnswer = (status: number, value: unknown): OutgoingAnswer =>
  value === undefined || value === null
    ? { status, headers: [], body: null }
    : { status, headers: ['content-type', JSON_TYPE], body: JSON.stringify(value) };

/** What a route has answered, once it is known to keep its contract. */
export function toOutgoing(
  { status }: Pick<Endpoint, 'status'>,
  checkAnswer: ((value: unknown) => void) | null,
  answer: unknown,
): OutgoingAnswer {
  if (answer instanceof FileAnswer)
    return {
      status: 200,
      headers: [
        ...['content-type', answer.contentType],
        ...['content-disposition', contentDisposition(answer.fileName)],
        ...['x-content-type-options', 'nosniff'],
      ],
      body: answer.bytes,
    };
  if (answer instanceof Versioned) {
    const { headers, ...rest } = toOutgoing({ status }, checkAnswer, answer.body);
    return { ...rest, headers: ['etag', toETag(answer.version), ...headers] };
  }
  checkAnswer?.(answer);
  return jsonAnswer(status, answer);
}

/** The answer to the first request with this Idempotency-Key, once more. */
export function toReplay({ status, body }: { readonly status: number; readonly body: unknown }): OutgoingAnswer {
  const replay = jsonAnswer(status, body);
  if (status >= 400 && replay.body !== null) replay.headers[1] = PROBLEM_TYPE;
  replay.headers.unshift('idempotency-replayed', 'true');
  return replay;
}

export function toRefusal(
  error: unknown,
  context: { readonly instance: string; readonly traceId: string },
): OutgoingAnswer {
  const { status, headers, body } = renderProblem(error, context);
  return { status, headers: Object.entries(headers).flat(), body: JSON.stringify(body) };
}
