import type { Principal } from '@tenantry/auth/principal.ts';
import type { BodyOf, Endpoint, ParamsOf, QueryOf, ResponseOf } from '@tenantry/contract/endpoint.ts';
import { Closed } from '@tenantry/contract/schemas.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { malformedJson, unsupportedMediaType } from '@tenantry/kernel/problems.ts';
import { readIfMatch, toETag } from '@tenantry/kit/http/entity-tag.ts';
import { Versioned } from '@tenantry/kit/http/route.ts';
import { compileInput, compileOutput, compileParams } from '@tenantry/kit/http/validation.ts';
import { toEndpointRecords } from '@tenantry/mesh/registry.ts';
import type { TSchema } from 'typebox';
import { SECURITY_HEADERS } from '../edge/answer-headers.ts';
import type { Exchange, Route } from '../edge/exchange.ts';
import { sendWhole } from '../edge/send.ts';
import { RouteState } from '../routing/route-state.ts';
import { runInExchange } from '../traces/run-in-exchange.ts';
import { isJsonType, readJson } from '../transform/json-text.ts';

export type OwnCall<E> = {
  /** Null where nobody is asked for a token. */
  readonly principal: Principal | null;
  readonly params: ParamsOf<E>;
  readonly query: QueryOf<E>;
  readonly body: BodyOf<E>;
  readonly ifMatchVersion: number | null;
  /** For what this request makes; the same again when it is repeated with its Idempotency-Key. */
  readonly resourceUuid: string;
};

export type OwnAnswer = { readonly status: number; readonly body: unknown; readonly version: number | null };

/** Makes a repeated request answer as the first did. */
export type AnswerOnce = (
  request: { readonly principal: Principal; readonly endpoint: string; readonly key: string; readonly input: unknown },
  answer: (resourceUuid: string) => Promise<OwnAnswer>,
) => Promise<{ readonly answer: OwnAnswer; readonly isReplayed: boolean }>;

/** What the gateway answers itself, under the same contract and with the same checks as a service's endpoints. */
export function ownEndpoint<E extends Endpoint<TSchema, TSchema, TSchema, TSchema>>(
  endpoint: E,
  answer: (call: OwnCall<E>) => Promise<ResponseOf<E> | Versioned<ResponseOf<E>> | undefined>,
  answerOnce: AnswerOnce | null = null,
): Route {
  const [record] = toEndpointRecords([endpoint as Endpoint], 'gateway');
  if (record === undefined) throw new Error(`${endpoint.name} is for services and cannot be routed.`);
  const checkParams = compileParams(endpoint.params);
  const checkQuery = compileInput(endpoint.query, 'query');
  const checkBody = compileInput(endpoint.body ?? Closed({}), 'body');
  const checkAnswer = endpoint.response === null ? null : compileOutput(endpoint.response, endpoint.name);

  const run = async (exchange: Exchange): Promise<void> => {
    const body = readBody(exchange);
    if (endpoint.body !== null && body === undefined)
      throw malformedJson('This endpoint needs a JSON body with Content-Type: application/json.');
    const call = {
      principal: exchange.verified?.principal ?? null,
      params: checkParams(readParams(endpoint.path, exchange.target.path)),
      query: checkQuery(readQuery(exchange.target.query)),
      body: body === undefined ? undefined : checkBody(body),
      ifMatchVersion: readIfMatch(headerOf(exchange, 'if-match')),
    };
    const once = async (resourceUuid: string): Promise<OwnAnswer> => {
      const given = await answer({ ...call, resourceUuid } as OwnCall<E>);
      const isVersioned = given instanceof Versioned;
      const shown: unknown = isVersioned ? given.body : given;
      checkAnswer?.(shown);
      return { status: endpoint.status, body: shown, version: isVersioned ? given.version : null };
    };
    const key = headerOf(exchange, 'idempotency-key');
    if (answerOnce === null || key === undefined || call.principal === null || !endpoint.idempotency)
      return send(exchange, await once(newUuid()), false);
    const input = { params: call.params, body: call.body ?? null };
    const done = await answerOnce({ principal: call.principal, endpoint: endpoint.name, key, input }, once);
    send(exchange, done.answer, done.isReplayed);
  };
  return {
    service: 'gateway',
    endpoint: record,
    state: new RouteState(record),
    isOperational: false,
    answer: (exchange) => runInExchange(exchange, endpoint.name, () => run(exchange)),
  };
}

function send(exchange: Exchange, { status, body, version }: OwnAnswer, isReplayed: boolean): void {
  const headers = [...SECURITY_HEADERS];
  if (version !== null) headers.push('etag', toETag(version));
  if (isReplayed) headers.push('idempotency-replayed', 'true');
  if (body === undefined) sendWhole(exchange, status, headers, '');
  else
    sendWhole(exchange, status, ['content-type', 'application/json; charset=utf-8', ...headers], JSON.stringify(body));
}

export function headerOf({ head }: Exchange, name: string): string | undefined {
  const pairs = head?.forwarded ?? [];
  for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === name) return pairs[i + 1];
  return undefined;
}

function readBody(exchange: Exchange): unknown {
  const bytes = exchange.body;
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) return undefined;
  if (!isJsonType(headerOf(exchange, 'content-type'))) throw unsupportedMediaType('Send the body as application/json.');
  try {
    return readJson(bytes);
  } catch (cause) {
    throw malformedJson('The body is not valid JSON. Send one JSON object in UTF-8.', { cause });
  }
}

function readParams(pattern: string, path: string): Record<string, string> {
  const values = path.split('/');
  return Object.fromEntries(
    pattern
      .split('/')
      .flatMap((segment, index) =>
        segment.startsWith(':') ? [[segment.slice(1), decodeURIComponent(values[index] ?? '')]] : [],
      ),
  );
}

/** A parameter that is there twice is a list, which no schema of ours takes. */
export function readQuery(query: string): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(query))
    values[name] = Object.hasOwn(values, name) ? [values[name], value] : value;
  return values;
}
