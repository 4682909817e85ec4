import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { Problem, type ProblemCategory } from '@tenantry/kernel/problem.ts';
import * as shared from '@tenantry/kernel/problems.ts';

const CATEGORY_OF_STATUS: Readonly<Record<number, ProblemCategory>> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  412: 'stale',
  413: 'too-large',
  415: 'unsupported',
  422: 'unprocessable',
  429: 'limited',
  503: 'unavailable',
  504: 'timeout',
};

const STANDARD = new Set(['type', 'title', 'status', 'detail', 'instance', 'code', 'traceId', 'errors']);

/** The Problem that another service answered, as if it had been thrown here. An answer of no known form is a 503. */
export function readProblem(status: number, text: string, endpoint: Endpoint): Problem {
  const category = CATEGORY_OF_STATUS[status];
  const body = parse(text);
  if (category === undefined || body === null || typeof body.code !== 'string') {
    return shared.upstreamUnavailable(`${endpoint.name} failed with status ${status}. Try again shortly.`, {
      retryAfterSeconds: 1,
    });
  }
  const title = typeof body.title === 'string' ? body.title : body.code;
  const detail = typeof body.detail === 'string' ? body.detail : title;
  const extensions = Object.fromEntries(Object.entries(body).filter(([key]) => !STANDARD.has(key)));
  return new Problem({ code: body.code, category, title }, detail, { extensions });
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
