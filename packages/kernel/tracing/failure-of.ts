import { Problem, statusOf } from '../problem.ts';

/** A refusal is an answer: only what is our own fault, or that of something we depend on, is a failure of a span. */
export function failureOf(error: unknown): string | null {
  if (error instanceof Problem) return statusOf(error.kind) >= 500 ? error.kind.code : null;
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' && /^\w{1,40}$/.test(error.code) ? error.code : error.name;
}
