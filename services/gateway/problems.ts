import { defineProblem } from '@tenantry/kernel/problem.ts';

/** What only an HTTP server refuses. Their status codes are HTTP's own and stand in `STATUS_OF`, not in a category. */
export const methodNotAllowed = defineProblem({
  code: 'method-not-allowed',
  category: 'invalid',
  title: 'The method is not allowed here',
});
export const headersTooLarge = defineProblem({
  code: 'headers-too-large',
  category: 'too-large',
  title: 'The request headers are too large',
});
export const targetTooLong = defineProblem({
  code: 'target-too-long',
  category: 'too-large',
  title: 'The path or query is too long',
});
export const requestTimeout = defineProblem({
  code: 'request-timeout',
  category: 'timeout',
  title: 'The request did not arrive in time',
});
export const expectationFailed = defineProblem({
  code: 'expectation-failed',
  category: 'invalid',
  title: 'The expectation cannot be met',
});
export const upgradeRefused = defineProblem({
  code: 'upgrade-refused',
  category: 'unsupported',
  title: 'Other protocols are not spoken here',
});
export const upgradeRequired = defineProblem({
  code: 'upgrade-required',
  category: 'invalid',
  title: 'Another protocol is needed here',
});
export const tooManyConnections = defineProblem({
  code: 'too-many-connections',
  category: 'limited',
  title: 'Too many open connections',
});

export const overloaded = defineProblem({
  code: 'overloaded',
  category: 'unavailable',
  title: 'The system has more to do than it can',
});

export const upstreamAnswerUnusable = defineProblem({
  code: 'upstream-answer-unusable',
  category: 'unavailable',
  title: 'The answer of the product cannot be passed on',
});

export const upstreamAnswerInvalid = defineProblem({
  code: 'upstream-answer-invalid',
  category: 'unavailable',
  title: 'The answer of a part of the system or of a product is not valid',
});

export const upstreamAnswerIncomplete = defineProblem({
  code: 'upstream-answer-incomplete',
  category: 'unavailable',
  title: 'The product broke off before it had answered',
});

export const upstreamUntrusted = defineProblem({
  code: 'upstream-untrusted',
  category: 'unavailable',
  title: 'The product could not prove who it is',
});

export const feedPositionGone = defineProblem({
  code: 'feed-position-gone',
  category: 'gone',
  title: 'Events after this position are no longer kept',
});

/** Of what is registered behind the gateway. */
export const upstreamNotFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
export const routeNotFound = defineProblem({ code: 'not-found', category: 'not-found', title: 'Not found' });
export const upstreamInUse = defineProblem({
  code: 'upstream-in-use',
  category: 'conflict',
  title: 'Routes lead to this upstream',
});
export const routeTaken = defineProblem({
  code: 'path-taken',
  category: 'conflict',
  title: 'Another route takes these requests',
});
export const tooManyProducts = defineProblem({
  code: 'too-many-registered',
  category: 'conflict',
  title: 'The tenant has registered as many as it may',
});

/** RFC 9110 §15 and RFC 6585 §5. */
export const STATUS_OF: ReadonlyMap<string, number> = new Map([
  [methodNotAllowed.kind.code, 405],
  [requestTimeout.kind.code, 408],
  [targetTooLong.kind.code, 414],
  [expectationFailed.kind.code, 417],
  [upgradeRequired.kind.code, 426],
  [headersTooLarge.kind.code, 431],
  [upgradeRefused.kind.code, 501],
  [upstreamAnswerUnusable.kind.code, 502],
  [upstreamAnswerInvalid.kind.code, 502],
  [upstreamAnswerIncomplete.kind.code, 502],
  [upstreamUntrusted.kind.code, 502],
]);
