import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { type FieldError, Problem, type ProblemCategory } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { WireAnswer } from './send.ts';

const CATEGORY_OF_STATUS: Readonly<Record<number, ProblemCategory>> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  410: 'gone',
  412: 'stale',
  413: 'too-large',
  415: 'unsupported',
  422: 'unprocessable',
  429: 'limited',
  503: 'unavailable',
  504: 'timeout',
};

const STANDARD = new Set(['type', 'title', 'status', 'detail', 'instance', 'code', 'traceId', 'errors']);

/** What another service answered; its problem is thrown as if it had happened here. */
export function readAnswer(answer: WireAnswer, endpoint: Endpoint): unknown {
  if (answer.status >= 400) throw readProblem(answer, endpoint);
  if (answer.text === '') return undefined;
  try {
    return JSON.parse(answer.text);
  } catch (cause) {
    throw unintelligible(answer, endpoint, cause);
  }
}

/**
 * An answer of no known form is a 503, and so is a 401: what it does not believe is our passport, and whoever called us
 * would be told to sign in again.
 */
function readProblem(answer: WireAnswer, endpoint: Endpoint): Problem {
  const category = CATEGORY_OF_STATUS[answer.status];
  const body = parseObject(answer);
  if (category === undefined || category === 'unauthenticated' || body === null || typeof body.code !== 'string')
    return unintelligible(answer, endpoint);
  const title = typeof body.title === 'string' ? body.title : body.code;
  const detail = typeof body.detail === 'string' ? body.detail : title;
  return new Problem({ code: body.code, category, title }, detail, {
    extensions: Object.fromEntries(Object.entries(body).filter(([key]) => !STANDARD.has(key))),
    ...(Array.isArray(body.errors) ? { errors: body.errors as FieldError[] } : {}),
    ...(answer.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: answer.retryAfterSeconds }),
  });
}

const unintelligible = (answer: WireAnswer, endpoint: Endpoint, cause?: unknown): Problem =>
  upstreamUnavailable(`${endpoint.name} failed with status ${answer.status}. Try again shortly.`, {
    cause,
    retryAfterSeconds: 1,
  });

function parseObject({ contentType, text }: WireAnswer): Readonly<Record<string, unknown>> | null {
  if (!contentType.startsWith('application/problem+json')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
