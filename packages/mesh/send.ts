import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import type { Agent } from 'undici';

export type WireAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfterSeconds: number | undefined;
  readonly text: string;
};

export type WireInput = { readonly params?: unknown; readonly query?: unknown; readonly body?: unknown };

/** One request to one instance. Rejects only when no whole answer came. */
export async function send(
  agent: Agent,
  origin: string,
  endpoint: Endpoint,
  input: WireInput,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<WireAnswer> {
  const hasBody = input.body !== undefined;
  const response = await agent.request({
    origin,
    path: `${pathOf(endpoint, input.params)}${queryOf(input.query)}`,
    method: endpoint.method,
    headers: hasBody ? { ...headers, 'content-type': 'application/json' } : headers,
    body: hasBody ? JSON.stringify(input.body) : null,
    signal,
  });
  const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
  return {
    status: response.statusCode,
    contentType: String(response.headers['content-type'] ?? ''),
    retryAfterSeconds: Number.isInteger(seconds) && seconds >= 0 ? seconds : undefined,
    text: await response.body.text(),
  };
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
