import { describe, expect, it } from 'vitest';
import { defineProblem, isTransient, Problem, type ProblemCategory, statusOf } from './problem.ts';
import * as shared from './problems.ts';

const invoiceNotDraft = defineProblem({ code: 'invoice-not-draft', category: 'conflict', title: 'Not a draft' });

describe('A problem', () => {
  it('is an error of its kind, with what the case adds', () => {
    const cause = new Error('below');
    const problem = invoiceNotDraft('This invoice is paid.', {
      cause,
      extensions: { from: 'paid' },
      retryAfterSeconds: 3,
    });
    expect(problem).toBeInstanceOf(Error);
    expect(problem).toBeInstanceOf(Problem);
    expect(problem.message).toBe('This invoice is paid.');
    expect(problem.kind).toBe(invoiceNotDraft.kind);
    expect(problem.cause).toBe(cause);
    expect(problem.extensions).toEqual({ from: 'paid' });
    expect(problem.retryAfterSeconds).toBe(3);
    expect(problem.errors).toBeUndefined();
  });

  it('has no cause unless one was given', () => {
    expect('cause' in invoiceNotDraft('Why?')).toBe(false);
  });

  it.each<[ProblemCategory, number]>([
    ['invalid', 400],
    ['unauthenticated', 401],
    ['forbidden', 403],
    ['not-found', 404],
    ['conflict', 409],
    ['stale', 412],
    ['too-large', 413],
    ['unsupported', 415],
    ['unprocessable', 422],
    ['limited', 429],
    ['unavailable', 503],
    ['timeout', 504],
  ])('of category %s is a %i', (category, status) => {
    expect(statusOf({ code: 'x', category, title: 'X' })).toBe(status);
  });

  it('may pass by itself when something is away, slow or limited, or when nobody knows what it was', () => {
    const { upstreamUnavailable, upstreamTimeout, rateLimited, notFound, conflict, validationFailed } = shared;
    for (const error of [upstreamUnavailable(''), upstreamTimeout(''), rateLimited(''), new TypeError(), 'text'])
      expect(isTransient(error)).toBe(true);
    for (const error of [notFound(''), conflict(''), validationFailed('')]) expect(isTransient(error)).toBe(false);
  });
});

describe('The shared problems', () => {
  const defined = Object.values(shared);

  it('have codes that are unique and kebab-case', () => {
    const codes = defined.map(({ kind }) => kind.code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it('have the codes and statuses that the API promises', () => {
    const promised = Object.fromEntries(defined.map(({ kind }) => [kind.code, statusOf(kind)]));
    expect(promised).toMatchObject({
      'validation-failed': 400,
      'malformed-json': 400,
      unauthenticated: 401,
      'token-expired': 401,
      forbidden: 403,
      'tenant-mismatch': 403,
      'tenant-suspended': 403,
      'quota-exceeded': 403,
      'not-found': 404,
      conflict: 409,
      'invalid-transition': 409,
      stale: 412,
      'payload-too-large': 413,
      'unsupported-media-type': 415,
      'idempotency-key-reused': 422,
      'rate-limited': 429,
      'upstream-unavailable': 503,
      'upstream-timeout': 504,
    });
  });
});
