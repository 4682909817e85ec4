import { defineProblem } from './problem.ts';

/** The refusals that every part of the system shares; each service adds its own in its `problems.ts`. */
export const validationFailed = defineProblem({
  code: 'validation-failed',
  category: 'invalid',
  title: 'The request is not valid',
});
export const malformedJson = defineProblem({
  code: 'malformed-json',
  category: 'invalid',
  title: 'The body is not valid JSON',
});
export const malformedRequest = defineProblem({
  code: 'malformed-request',
  category: 'invalid',
  title: 'The request cannot be understood',
});
export const unauthenticated = defineProblem({
  code: 'unauthenticated',
  category: 'unauthenticated',
  title: 'Authentication is required',
});
export const tokenExpired = defineProblem({
  code: 'token-expired',
  category: 'unauthenticated',
  title: 'The access token has expired',
});
export const forbidden = defineProblem({ code: 'forbidden', category: 'forbidden', title: 'Permission is missing' });
export const tenantMismatch = defineProblem({
  code: 'tenant-mismatch',
  category: 'forbidden',
  title: 'The tenant contradicts the token',
});
export const tenantSuspended = defineProblem({
  code: 'tenant-suspended',
  category: 'forbidden',
  title: 'The tenant is suspended',
});
export const notFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
export const conflict = defineProblem({
  code: 'conflict',
  category: 'conflict',
  title: 'Conflict with the current state',
});
export const invalidTransition = defineProblem({
  code: 'invalid-transition',
  category: 'conflict',
  title: 'Not possible in this state',
});
export const stale = defineProblem({
  code: 'stale',
  category: 'stale',
  title: 'The resource has changed since it was read',
});
export const payloadTooLarge = defineProblem({
  code: 'payload-too-large',
  category: 'too-large',
  title: 'The body is too large',
});
export const unsupportedMediaType = defineProblem({
  code: 'unsupported-media-type',
  category: 'unsupported',
  title: 'The media type is not supported',
});
export const idempotencyKeyReused = defineProblem({
  code: 'idempotency-key-reused',
  category: 'unprocessable',
  title: 'The idempotency key was used for another request',
});
export const idempotencyKeyInFlight = defineProblem({
  code: 'idempotency-key-in-flight',
  category: 'conflict',
  title: 'A request with this idempotency key is running',
});
export const rateLimited = defineProblem({ code: 'rate-limited', category: 'limited', title: 'Too many requests' });
export const quotaExceeded = defineProblem({
  code: 'quota-exceeded',
  category: 'forbidden',
  title: 'The quota is used up',
});
export const upstreamUnavailable = defineProblem({
  code: 'upstream-unavailable',
  category: 'unavailable',
  title: 'A part of the system is unavailable',
});
export const upstreamTimeout = defineProblem({
  code: 'upstream-timeout',
  category: 'timeout',
  title: 'A part of the system did not answer in time',
});
