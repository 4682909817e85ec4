import type { Principal } from '@tenantry/auth/principal.ts';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { type CallContext, currentSpan, traceIdOf } from '@tenantry/kernel/call-context.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { malformedJson, upstreamTimeout } from '@tenantry/kernel/problems.ts';
import { CLIENT_ADDRESS_HEADER, IDEMPOTENCY_KEY_HEADER } from '@tenantry/mesh/headers.ts';
import type { Logger } from '../logger.ts';
import { authorize } from './authorization.ts';
import { readIfMatch } from './entity-tag.ts';
import { beginIdempotent, type IdempotencyOptions, isFinal } from './idempotency.ts';
import { headerOf, type IncomingRequest } from './incoming-request.ts';
import { readJsonBody } from './json-body.ts';
import { type OutgoingAnswer, toOutgoing, toReplay } from './outgoing-answer.ts';
import type { Authenticate } from './passport-check.ts';
import { renderProblem } from './problem-body.ts';
import { type PrincipalCall, type Route, Versioned } from './route.ts';
import { compileInput, compileOutput, compileParams } from './validation.ts';

export type AnswerOptions = {
  readonly authenticate: Authenticate;
  /** Null in a service without a database: its endpoints take no Idempotency-Key. */
  readonly idempotency: IdempotencyOptions | null;
  readonly logger: Logger;
};

/** Answers one request within its context; rejects with what becomes a refusal. */
export type AnswerRequest = (request: IncomingRequest, context: CallContext) => Promise<OutgoingAnswer>;

type Prepared = {
  readonly route: Route;
  readonly checkAnswer: ((value: unknown) => void) | null;
};

/** What happens to every request of a route, in this order, whatever it came over. */
export function prepareRoute(options: AnswerOptions, route: Route): AnswerRequest {
  const { endpoint } = route;
  const checkParams = compileParams(endpoint.params);
  const checkQuery = compileInput(endpoint.query, 'query');
  // No body is asked for: none or {} will do, and a field in it is a mistake of the caller that must not pass in silence.
  const checkBody = compileInput(endpoint.body ?? Closed({}), 'body');
  const checkAnswer = endpoint.response === null ? null : compileOutput(endpoint.response, endpoint.name);
  const isBodyless = endpoint.method === 'GET';

  return async (request, context) => {
    const { headers } = request;
    const body = isBodyless ? undefined : readJsonBody(headerOf(headers, 'content-type'), request.body);
    if (context.deadlineMs <= Date.now())
      throw upstreamTimeout('The deadline of this request had passed before it arrived.');
    const principal = endpoint.access === 'public' ? null : await options.authenticate(headers, endpoint, request.peer);
    if (principal !== null) {
      currentSpan()?.belongsTo(principal.tenantId);
      authorize(endpoint, principal);
    }
    if (endpoint.body !== null && (body === undefined || body === null)) {
      throw malformedJson('This endpoint needs a JSON body with Content-Type: application/json.');
    }
    const call = {
      params: checkParams(request.params),
      query: checkQuery(request.query),
      body: endpoint.body === null && body === undefined ? undefined : checkBody(body),
      headers,
      ifMatchVersion: readIfMatch(headerOf(headers, 'if-match')),
      clientAddress: headerOf(headers, CLIENT_ADDRESS_HEADER) ?? request.remoteAddress,
      resourceUuid: newUuid(),
      ...(principal === null ? {} : { principal }),
    } as PrincipalCall<Endpoint>;

    const key = headerOf(headers, IDEMPOTENCY_KEY_HEADER);
    if (key === undefined || !endpoint.idempotency || principal === null || options.idempotency === null)
      return toOutgoing(endpoint, checkAnswer, await route.answer(call));
    const { idempotency, logger } = options;
    const about = { instance: pathOf(request.url), traceId: traceIdOf(context.traceparent) };
    return answerOnce({ idempotency, logger, principal, key, about }, { route, checkAnswer }, call);
  };
}

async function answerOnce(
  options: {
    readonly idempotency: IdempotencyOptions;
    readonly logger: Logger;
    readonly principal: Principal;
    readonly key: string;
    readonly about: Parameters<typeof renderProblem>[1];
  },
  { route, checkAnswer }: Prepared,
  call: PrincipalCall<Endpoint>,
): Promise<OutgoingAnswer> {
  const { endpoint } = route;
  const attempt = await beginIdempotent(options.idempotency, options.principal, endpoint.name, options.key, {
    params: call.params,
    body: call.body ?? null,
  });
  if (attempt.kind === 'replay') return toReplay(attempt.answer);
  try {
    const answer = await route.answer({ ...call, resourceUuid: attempt.resourceUuid });
    const outgoing = toOutgoing(endpoint, checkAnswer, answer);
    const body = answer instanceof Versioned ? answer.body : answer;
    await attempt.finish({ status: endpoint.status, body });
    return outgoing;
  } catch (error) {
    // Whatever becomes of the note, the caller is told what happened: kept or not, a repeat will find it again.
    const { status, body } = renderProblem(error, options.about);
    await (isFinal(error) ? attempt.finish({ status, body }) : attempt.abandon()).catch((cause: unknown) =>
      options.logger.warn({ err: cause }, 'idempotency key stays leased'),
    );
    throw error;
  }
}

export const pathOf = (url: string): string => url.split('?')[0] ?? '/';
