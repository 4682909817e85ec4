/**
 * A refusal with a name. Defined once per kind, thrown anywhere, rendered in one place as RFC 9457 problem+json.
 * What the edge does with it: HTTP picks the status; a consumer retries 'unavailable' and 'timeout' and dead-letters
 * the rest. A broken invariant is not a Problem: assert it and let it be a 500.
 */
export type ProblemCategory =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'gone'
  | 'stale'
  | 'too-large'
  | 'unsupported'
  | 'unprocessable'
  | 'limited'
  | 'unavailable'
  | 'timeout';

export type ProblemKind = { readonly code: string; readonly category: ProblemCategory; readonly title: string };

/** One fault of the input. `path` is a JSON Pointer into the body (RFC 6901), or `query.limit`, `header.if-match`. */
export type FieldError = { readonly path: string; readonly message: string };

/** Members beside the standard ones, for example `{ limit: 1000, used: 1000 }` of `quota-exceeded`. */
export type ProblemExtensions = Readonly<Record<string, unknown>>;

export type ProblemOptions = {
  readonly cause?: unknown;
  readonly extensions?: ProblemExtensions;
  readonly errors?: readonly FieldError[];
  /** Sent as Retry-After. */
  readonly retryAfterSeconds?: number;
};

export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly extensions: ProblemExtensions;
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(kind: ProblemKind, detail: string, options: ProblemOptions = {}) {
    super(detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'Problem';
    this.kind = kind;
    this.extensions = options.extensions ?? {};
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export type DefinedProblem = ((detail: string, options?: ProblemOptions) => Problem) & { readonly kind: ProblemKind };

/** `detail` names the thing, its state and the next step. Clients compare `code`, never sentences. */
export function defineProblem(kind: ProblemKind): DefinedProblem {
  const make = (detail: string, options?: ProblemOptions): Problem => new Problem(kind, detail, options);
  return Object.assign(make, { kind });
}

const STATUS: Readonly<Record<ProblemCategory, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  gone: 410,
  stale: 412,
  'too-large': 413,
  unsupported: 415,
  unprocessable: 422,
  limited: 429,
  unavailable: 503,
  timeout: 504,
};

export const statusOf = (kind: ProblemKind): number => STATUS[kind.category];

/** True for what may go away by itself: a consumer tries again instead of giving up. */
export const isTransient = (error: unknown): boolean =>
  !(error instanceof Problem) ||
  error.kind.category === 'unavailable' ||
  error.kind.category === 'timeout' ||
  error.kind.category === 'limited';
