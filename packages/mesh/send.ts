import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import type { LinkAnswer } from '@tenantry/link/answer-frame.ts';
import { LinkFailure } from '@tenantry/link/link-failure.ts';
import { PromisedAnswer } from '@tenantry/link/promised-answer.ts';
import type { Agent } from 'undici';
import type { CallTarget } from './call-target.ts';

/** The deadline goes along in a header, as over HTTP, and the signal is aborted when it has passed. */
const NEVER = Number.POSITIVE_INFINITY;

export type WireAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfterSeconds: number | undefined;
  readonly text: string;
};

export type WireInput = { readonly params?: unknown; readonly query?: unknown; readonly body?: unknown };

export type WireRequest = {
  readonly method: Endpoint['method'];
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
};

/** Throws a TypeError for input that the contract cannot mean. */
export function toWireRequest(
  endpoint: Endpoint,
  input: WireInput,
  headers: Readonly<Record<string, string>>,
): WireRequest {
  const hasBody = input.body !== undefined;
  return {
    method: endpoint.method,
    path: `${pathOf(endpoint, input.params)}${queryOf(input.query)}`,
    headers: hasBody ? { ...headers, 'content-type': 'application/json' } : headers,
    body: hasBody ? JSON.stringify(input.body) : null,
  };
}

/** One request to one instance over HTTP. Rejects only when no whole answer came. */
export async function send(
  agent: Agent,
  origin: string,
  { method, path, headers, body }: WireRequest,
  signal: AbortSignal,
): Promise<WireAnswer> {
  const response = await agent.request({ origin, path, method, headers, body, signal });
  return {
    status: response.statusCode,
    contentType: String(response.headers['content-type'] ?? ''),
    retryAfterSeconds: readRetryAfter(response.headers['retry-after']),
    text: await response.body.text(),
  };
}

/** The same without HTTP. Rejects with a `LinkFailure` when no answer came. */
export async function sendTo(
  target: CallTarget,
  { method, path, headers, body }: WireRequest,
  signal: AbortSignal,
): Promise<WireAnswer> {
  const answer = await new Promise<LinkAnswer>((resolve, reject) => {
    const listener = new PromisedAnswer(target, resolve, reject, signal);
    const request = { method, path, headers: Object.entries(headers).flat(), body, deadlineMs: NEVER };
    const begun = target.send(request, listener);
    if (begun instanceof LinkFailure) reject(begun);
    else listener.await(begun);
  });
  return {
    status: answer.status,
    contentType: headerOf(answer.headers, 'content-type') ?? '',
    retryAfterSeconds: readRetryAfter(headerOf(answer.headers, 'retry-after')),
    text: answer.body.toString(),
  };
}

function headerOf(pairs: readonly string[], name: string): string | undefined {
  for (let index = 0; index < pairs.length; index += 2) if (pairs[index] === name) return pairs[index + 1];
  return undefined;
}

function readRetryAfter(value: string | string[] | undefined): number | undefined {
  const seconds = Number(value ?? Number.NaN);
  return Number.isInteger(seconds) && seconds >= 0 ? seconds : undefined;
}

function pathOf(endpoint: Endpoint, params: unknown = {}): string {
  const values = params as Readonly<Record<string, unknown>>;
  return endpoint.path.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => {
    const value = values[name];
    // An empty segment would be another address, with another meaning.
    if (value === undefined || value === '') throw new TypeError(`${endpoint.name} needs the parameter ${name}.`);
    return encodeURIComponent(String(value));
  });
}

function queryOf(query: unknown = {}): string {
  const given = Object.entries(query as object).filter(([, value]) => value !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`;
}
