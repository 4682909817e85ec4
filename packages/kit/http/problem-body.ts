import { Problem, statusOf } from '@tenantry/kernel/problem.ts';
import {
  malformedJson,
  malformedRequest,
  notFound,
  payloadTooLarge,
  unsupportedMediaType,
} from '@tenantry/kernel/problems.ts';

const PROBLEM_TYPE_BASE = 'https://tenantry.dev/problems/';

const internalError = {
  code: 'internal-error',
  category: 'unavailable',
  title: 'Something went wrong on our side',
} as const;

/** Fastify's own refusals, in our words. */
function fromFramework(error: unknown): Problem | null {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return malformedJson('The body is not valid JSON. Send one JSON object in UTF-8.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return unsupportedMediaType('Send the body as application/json.');
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return payloadTooLarge('The body is larger than this endpoint takes.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
      return malformedRequest('The request cannot be understood. Check its length and its path.');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return notFound('There is nothing at this address.');
    default:
      // secure-json-parse refuses __proto__ and constructor.prototype with a bare SyntaxError.
      return error instanceof SyntaxError && 'statusCode' in error && error.statusCode === 400
        ? malformedJson('The body is not acceptable JSON. Remove fields named __proto__ or constructor.')
        : null;
  }
}

export type RenderedProblem = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
};

/**
 * The one place that turns an error into RFC 9457. Whatever is not a Problem becomes a bare 500: its message, stack and
 * cause are for the log, never for the caller.
 */
export function renderProblem(
  error: unknown,
  context: { readonly instance: string; readonly traceId: string },
): RenderedProblem {
  const problem = error instanceof Problem ? error : fromFramework(error);
  const kind = problem?.kind ?? internalError;
  const status = problem === null ? 500 : statusOf(kind);
  const headers: Record<string, string> = { 'content-type': 'application/problem+json; charset=utf-8' };
  if (problem?.retryAfterSeconds !== undefined) headers['retry-after'] = String(problem.retryAfterSeconds);
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="tenantry"';
  const body: Record<string, unknown> = {
    type: `${PROBLEM_TYPE_BASE}${kind.code}`,
    title: kind.title,
    status,
    detail: problem?.message ?? 'We have been told. Try again; if it persists, report the traceId.',
    instance: context.instance,
    code: kind.code,
    traceId: context.traceId,
  };
  if (problem?.errors !== undefined) body.errors = problem.errors;
  // No extension can stand in for a member of the standard.
  for (const [name, value] of Object.entries(problem?.extensions ?? {}))
    if (!Object.hasOwn(body, name)) body[name] = value;
  return { status, headers, body };
}
