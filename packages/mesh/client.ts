import type { SigningKey } from '@tenantry/auth/jws.ts';
import { PASSPORT_HEADER } from '@tenantry/auth/passport.ts';
import type { BodyOf, Endpoint, ParamsOf, QueryOf, ResponseOf } from '@tenantry/contract/endpoint.ts';
import { currentDeadlineMs } from '@tenantry/kernel/call-context.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamTimeout, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { LinkFailure } from '@tenantry/link/link-failure.ts';
import { createBackoff } from '@tenantry/resilience/backoff.ts';
import type { BreakerTransition } from '@tenantry/resilience/circuit-breaker.ts';
import { type Deadline, deadlineAt, remainingMs } from '@tenantry/resilience/deadline.ts';
import type { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import { retry } from '@tenantry/resilience/retry.ts';
import { RetryBudget } from '@tenantry/resilience/retry-budget.ts';
import { withTimeout } from '@tenantry/resilience/timeout.ts';
import type { TSchema } from 'typebox';
import { createBalancer, type Turn } from './balancer.ts';
import type { CallTargets } from './call-target.ts';
import type { Discovery } from './discovery.ts';
import type { EdgeTraffic } from './edge-traffic.ts';
import { DEADLINE_HEADER, IDEMPOTENCY_KEY_HEADER, TRACEPARENT_HEADER } from './headers.ts';
import { MeshAgents } from './identity/agents.ts';
import { NotConnected } from './identity/connector.ts';
import type { MeshIdentity } from './identity.ts';
import { LinkLosses } from './links/link-losses.ts';
import { readAnswer } from './read-answer.ts';
import type { InstanceRecord } from './registry.ts';
import { send, sendTo, toWireRequest, type WireAnswer, type WireRequest } from './send.ts';
import { createServicePassports } from './service-passports.ts';
import { traceCall } from './trace-call.ts';

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
  /** Of a user, instead of the caller's own: a gateway asks for whoever asked it. */
  readonly passport?: string;
};

export type Mesh = {
  readonly call: <E extends Endpoint<TSchema, TSchema, TSchema, TSchema>>(
    endpoint: E,
    input: CallInput<E>,
    options: CallOptions,
  ) => Promise<ResponseOf<E>>;
  readonly close: () => Promise<void>;
};

/** Who is told how calls to the services go. */
export type MeshHealth = {
  readonly monitorOf: (service: string) => DependencyMonitor;
  readonly onBreaker?: (service: string, instanceId: string, transition: BreakerTransition) => void;
};

const DEFAULT_TIMEOUT_MS = 4_000;
const MAX_ATTEMPTS = 3;
/** A caller that allowed less than this says nothing about an instance that did not make it. */
const MIN_JUDGED_MS = 1_000;
/** A call between services that takes this long is worth knowing of; each has a second or so for all it does. */
const SLOW_MS = 1_000;
/** What the network says before a request was written, so that another instance may get it whatever it does. */
const NOT_SENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'ENOTFOUND', 'EHOSTUNREACH']);

/** The instance was about to end and took no more work. */
class InstanceClosing extends Error {}

/**
 * Typed calls to other services: found in the registry, guarded by a deadline and a breaker per instance, sent again
 * only where that is safe and a budget allows. Any answer at all, also a refusal, says that an instance lives.
 */
export function createMesh(options: {
  readonly service: string;
  readonly signingKey: SigningKey;
  readonly discovery: Discovery;
  /** Counts every call, for the service map. */
  readonly traffic?: EdgeTraffic;
  readonly health?: MeshHealth;
  /** With it every call goes by mutual TLS, to instances that have a mesh door; without, by plain HTTP. */
  readonly identity?: MeshIdentity | null;
  /** Ways to instances that are cheaper than HTTP. Whoever opened them closes them. */
  readonly targets?: CallTargets | null;
}): Mesh {
  const agents = new MeshAgents(options.identity ?? null);
  const passportFor = createServicePassports(options.service, options.signingKey);
  const { health } = options;
  const balancer = createBalancer(options.discovery, {
    ...(health?.onBreaker === undefined ? {} : { onBreaker: health.onBreaker }),
    onNobody: (service, areHeldBack) => {
      if (areHeldBack) health?.monitorOf(service).recordRejection('breaker');
      else health?.monitorOf(service).recordCall({ durationMs: 0, isSlow: false, isFailed: true }, notThere());
    },
  });
  const losses = new LinkLosses();
  const backoff = createBackoff({ baseMs: 50, capMs: 200 });
  const budgets = new Map<string, RetryBudget>();
  const budgetOf = (service: string): RetryBudget => {
    const budget = budgets.get(service) ?? new RetryBudget();
    budgets.set(service, budget);
    return budget;
  };

  /** Over a link if there is one; plain HTTP takes what a link does not. */
  const sendAnyWay = async (
    instance: InstanceRecord,
    request: WireRequest,
    isRepeatable: boolean,
    signal: AbortSignal,
  ): Promise<WireAnswer> => {
    const target = options.targets?.of(instance) ?? null;
    if (target !== null)
      try {
        return await sendTo(target, request, signal);
      } catch (error) {
        if (!(error instanceof LinkFailure) || !mayGoOverHttp(error, isRepeatable)) throw error;
      }
    return send(...agents.wayTo(instance), request, signal);
  };

  return {
    async call(endpoint, input, { tenantId, onBehalfOf = null, timeoutMs = DEFAULT_TIMEOUT_MS, ...more }) {
      const { idempotencyKey, passport = passportFor(tenantId, onBehalfOf) } = more;
      const target = endpoint.name.slice(0, endpoint.name.indexOf('.'));
      const deadline = deadlineAt(Math.min(Date.now() + timeoutMs, currentDeadlineMs()));
      const trace = traceCall(endpoint, target, tenantId);
      const headers: Record<string, string> = {
        [PASSPORT_HEADER]: passport,
        [DEADLINE_HEADER]: String(deadline.expiresAtMs),
        [TRACEPARENT_HEADER]: trace.traceparent,
      };
      if (idempotencyKey !== undefined) headers[IDEMPOTENCY_KEY_HEADER] = idempotencyKey;
      const isRepeatable = mayBeRepeated(endpoint, idempotencyKey);
      const request = toWireRequest(endpoint, input, headers);
      const tried = new Set<string>();

      const monitor = health?.monitorOf(target);

      const attempt = async (number: number): Promise<WireAnswer> => {
        const turn = balancer.next(target, tenantId, tried);
        tried.add(turn.instance.instanceId);
        if (number > 1) monitor?.recordRetry();
        const answer = await judged(turn, monitor, deadline, losses, () =>
          withTimeout(({ signal }) => sendAnyWay(turn.instance, request, isRepeatable, signal), {
            timeoutMs: Number.MAX_SAFE_INTEGER,
            deadline,
            name: `The ${target} service`,
          }),
        );
        if (isClosing(answer)) throw new InstanceClosing();
        return answer;
      };
      const startedAtMs = performance.now();
      const record = (isFailed: boolean): void =>
        options.traffic?.record(target, tenantId, isFailed, performance.now() - startedAtMs);
      const answer = await retry(attempt, {
        maxAttempts: MAX_ATTEMPTS,
        isRetryable: (error) => !(error instanceof Problem) && (wasNotSent(error) || isRepeatable),
        backoff,
        budget: budgetOf(target),
        deadline,
      }).catch((error: unknown) => {
        // A TypeError is the caller's own mistake: nothing was sent.
        if (!(error instanceof TypeError)) record(true);
        trace.broke(tried.size, error);
        if (error instanceof Problem || error instanceof TypeError) throw error;
        throw upstreamUnavailable(`The ${target} service is unavailable right now. Try again shortly.`, {
          cause: error,
          retryAfterSeconds: 1,
        });
      });
      record(answer.status >= 500);
      trace.answered(tried.size, answer.status);
      return readAnswer(answer, endpoint) as ResponseOf<typeof endpoint>;
    },
    close: () => agents.close(),
  };
}

/**
 * Whether doing it twice equals doing it once. Calls between services are named by ids that were minted before them, so
 * repeating one is safe by contract; for everything else it takes a method that changes nothing, or a key.
 */
const mayBeRepeated = (endpoint: Endpoint, idempotencyKey: string | undefined): boolean =>
  endpoint.method === 'GET' || endpoint.access === 'services' || (endpoint.idempotency && idempotencyKey !== undefined);

const wasNotSent = (error: unknown): boolean =>
  error instanceof InstanceClosing ||
  error instanceof NotConnected ||
  (error instanceof LinkFailure && !error.mayHaveActed) ||
  (error instanceof Error && 'code' in error && NOT_SENT.has(String(error.code)));

/** Nothing is wrong with the instance: its link was full, on its way out, or too narrow for this request or its answer. */
const mayGoOverHttp = ({ reason, mayHaveActed, end }: LinkFailure, isRepeatable: boolean): boolean =>
  reason === 'too-large' ? !mayHaveActed || isRepeatable : !mayHaveActed && end === null;

/** Fastify's answer while its server closes, before any handler: no problem of ours, the request was not looked at. */
const isClosing = ({ status, contentType }: WireAnswer): boolean =>
  status === 503 && !contentType.startsWith('application/problem+json');

const notThere = () => upstreamUnavailable('No instance is registered.', { retryAfterSeconds: 1 });

/** Tells breaker and monitor how an attempt went. */
async function judged(
  { breaker, permit }: Turn,
  monitor: DependencyMonitor | undefined,
  deadline: Deadline,
  losses: LinkLosses,
  work: () => Promise<WireAnswer>,
): Promise<WireAnswer> {
  const startedAtMs = performance.now();
  const allowedMs = remainingMs(deadline, Date.now());
  const record = (isFailed: boolean, error?: unknown): void => {
    const durationMs = performance.now() - startedAtMs;
    breaker.record(permit, isFailed, durationMs);
    monitor?.recordCall({ durationMs, isFailed, isSlow: durationMs >= SLOW_MS }, error);
  };
  try {
    const answer = await work();
    if (isClosing(answer)) record(true, notThere());
    else record(false);
    return answer;
  } catch (error) {
    const isImpatience =
      error instanceof Problem && error.kind.code === upstreamTimeout.kind.code && allowedMs < MIN_JUDGED_MS;
    if (isImpatience || error instanceof TypeError || !losses.isNews(error)) breaker.release(permit);
    else record(true, error);
    throw error;
  }
}
