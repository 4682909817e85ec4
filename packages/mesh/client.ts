import type { SigningKey } from '@tenantry/auth/jws.ts';
import { PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import type { BodyOf, Endpoint, ParamsOf, QueryOf, ResponseOf } from '@tenantry/contract/endpoint.ts';
import { currentDeadlineMs, currentTraceparent } from '@tenantry/kernel/call-context.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamTimeout, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { TSchema } from 'typebox';
import { Agent, type Dispatcher } from 'undici';
import type { Discovery } from './discovery.ts';
import { DEADLINE_HEADER, IDEMPOTENCY_KEY_HEADER, TRACEPARENT_HEADER } from './headers.ts';
import { readProblem } from './read-problem.ts';
import type { InstanceRecord } from './registry.ts';
import { createServicePassports } from './service-passports.ts';

export type CallInput<E extends Endpoint> = {
  readonly params?: ParamsOf<E>;
  readonly query?: QueryOf<E>;
  readonly body?: BodyOf<E>;
};

export type CallOptions = {
  readonly tenantId: TenantId;
  /** The user that the call is for, kept for the audit. */
  readonly onBehalfOf?: string | null;
  /** The most this call may take; the caller's own deadline wins when it is nearer. */
  readonly timeoutMs?: number;
  readonly idempotencyKey?: string;
};

export type Mesh = {
  readonly call: <E extends Endpoint<TSchema, TSchema, TSchema, TSchema>>(
    endpoint: E,
    input: CallInput<E>,
    options: CallOptions,
  ) => Promise<ResponseOf<E>>;
  readonly close: () => Promise<void>;
};

const DEFAULT_TIMEOUT_MS = 4_000;
const MAX_ATTEMPTS = 3;
// What the network says before a request was written, so that another instance may get it whatever it does.
const NOT_SENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'ENOTFOUND', 'EHOSTUNREACH']);

/** Typed calls to other services: found in the registry, guarded by a deadline, sent again only where that is safe. */
export function createMesh(options: {
  readonly service: string;
  readonly signingKey: SigningKey;
  readonly discovery: Discovery;
}): Mesh {
  const agent = new Agent({ connections: 32, keepAliveTimeout: 30_000, connect: { timeout: 1_000 } });
  const passportFor = createServicePassports(options.service, options.signingKey);
  const turns = new Map<string, number>();

  const next = (service: string, tried: ReadonlySet<string>): InstanceRecord | undefined => {
    const instances = options.discovery.instancesOf(service);
    const fresh = instances.filter((instance) => !tried.has(instance.instanceId));
    const candidates = fresh.length > 0 ? fresh : instances;
    const turn = (turns.get(service) ?? 0) + 1;
    turns.set(service, turn);
    return candidates[turn % candidates.length];
  };

  return {
    async call(endpoint, input, { tenantId, onBehalfOf = null, timeoutMs = DEFAULT_TIMEOUT_MS, idempotencyKey }) {
      const target = endpoint.name.slice(0, endpoint.name.indexOf('.'));
      const deadlineMs = Math.min(Date.now() + timeoutMs, currentDeadlineMs());
      // Calls between services are named by ids minted before them, so repeating one is safe by contract.
      const tried = new Set<string>();
      for (let attempt = 1; ; attempt++) {
        const instance = next(target, tried);
        if (instance === undefined) throw unavailable(target);
        tried.add(instance.instanceId);
        const headers: Record<string, string> = {
          [PASSPORT_HEADER]: passportFor(tenantId, onBehalfOf),
          [DEADLINE_HEADER]: String(Number.isFinite(deadlineMs) ? deadlineMs : Date.now() + timeoutMs),
          [TRACEPARENT_HEADER]: currentTraceparent(),
        };
        if (idempotencyKey !== undefined) headers[IDEMPOTENCY_KEY_HEADER] = idempotencyKey;
        try {
          return (await send(agent, instance, endpoint, input, headers, deadlineMs)) as ResponseOf<typeof endpoint>;
        } catch (error) {
          if (error instanceof Problem) throw error;
          const code = error instanceof Error && 'code' in error ? String(error.code) : '';
          if (Date.now() >= deadlineMs || code === 'UND_ERR_ABORTED')
            throw upstreamTimeout(`The ${target} service did not answer in time.`, { cause: error });
          const repeatable = NOT_SENT.has(code) || endpoint.method === 'GET' || endpoint.access === 'services';
          if (!repeatable || attempt >= MAX_ATTEMPTS) throw unavailable(target, error);
          await new Promise((resolve) => setTimeout(resolve, 25 * 2 ** attempt * Math.random()));
        }
      }
    },
    close: () => agent.close(),
  };
}

const unavailable = (service: string, cause?: unknown) =>
  upstreamUnavailable(`The ${service} service is unavailable right now. Try again shortly.`, {
    cause,
    retryAfterSeconds: 1,
  });

async function send(
  agent: Agent,
  instance: InstanceRecord,
  endpoint: Endpoint,
  input: { params?: unknown; query?: unknown; body?: unknown },
  headers: Record<string, string>,
  deadlineMs: number,
): Promise<unknown> {
  const params = (input.params ?? {}) as Record<string, string>;
  const path = endpoint.path.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const query = new URLSearchParams(
    Object.entries((input.query ?? {}) as Record<string, unknown>).map(([key, value]) => [key, String(value)]),
  ).toString();
  const request: Dispatcher.RequestOptions = {
    origin: instance.url,
    path: query === '' ? path : `${path}?${query}`,
    method: endpoint.method,
    headers: input.body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
    body: input.body === undefined ? null : JSON.stringify(input.body),
    signal: AbortSignal.timeout(Math.max(deadlineMs - Date.now(), 1)),
  };
  const response = await agent.request(request);
  const text = await response.body.text();
  if (response.statusCode >= 400) throw readProblem(response.statusCode, text, endpoint);
  return text === '' ? undefined : JSON.parse(text);
}
