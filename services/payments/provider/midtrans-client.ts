import { Problem } from '@tenantry/kernel/problem.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { inChildSpan } from '@tenantry/kernel/tracing/child-span.ts';
import type { SpanBeginning } from '@tenantry/kernel/tracing/span.ts';
import { Agent } from 'undici';
import type { ProviderEnvironment } from '../domain/provider-account.ts';
import type { MidtransAccount } from './midtrans-account.ts';
import type { ProviderPolicies } from './provider-policies.ts';
import { Unanswered } from './unanswered.ts';

/** What Midtrans answered: its own code, which is not the HTTP status, and the rest of the body as it came. */
export type MidtransAnswer = {
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** When it was given, by the clock there (the Date of the response, RFC 9110 §6.6.1). */
  readonly answeredAt: Temporal.Instant | null;
};

export type MidtransRequest = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** 36 characters: the docs say 46 at most, Midtrans' own Go client says 36, and longer ones are silently ignored. */
  readonly idempotencyKey?: string;
  /** Where Midtrans sends its notifications of this transaction, instead of the address in its dashboard. */
  readonly notificationUrl?: string;
};

export type MidtransClient = {
  /** Throws `upstream-unavailable` or `upstream-timeout` when it is unknown what happened there. */
  readonly send: (account: MidtransAccount, request: MidtransRequest) => Promise<MidtransAnswer>;
  /** Resolves when Midtrans answers, in each environment that has been called. Asks for nothing and shows no key. */
  readonly greet: (signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** An order that nobody has: without a key the answer is 401, and any answer will do. */
const GREETING_PATH = '/v2/greeting/status';

/** Midtrans, status codes: these may be sent again, with the same Idempotency-Key. All others are answers. */
const TRANSIENT = new Set(['429', '500', '502', '503', '504', '505', '900']);
const MAX_ANSWER_BYTES = 1_048_576;

/**
 * The Core API over HTTP. The JSON body carries the true status code as a string; the HTTP status is 200 for most
 * refusals too, so it counts only where there is no such body.
 */
export function createMidtransClient(options: {
  readonly urls: Readonly<Record<ProviderEnvironment, string>>;
  readonly policies: ProviderPolicies;
}): MidtransClient {
  const agent = new Agent({
    connections: 64,
    keepAliveTimeout: 30_000,
    connect: { timeout: 2_000 },
    maxResponseSize: MAX_ANSWER_BYTES,
  });

  const called = new Set<ProviderEnvironment>();
  const exchange = async (
    environment: ProviderEnvironment,
    request: Pick<MidtransRequest, 'method' | 'path' | 'body'>,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) => {
    try {
      const response = await agent.request({
        origin: options.urls[environment],
        path: request.path,
        method: request.method,
        headers,
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal,
      });
      return { httpStatus: response.statusCode, text: await response.body.text(), date: response.headers['date'] };
    } catch (cause) {
      throw new Unanswered('The exchange with Midtrans broke off.', { cause });
    }
  };

  const ask = async (...question: Parameters<typeof exchange>) => {
    const { httpStatus, text, date } = await exchange(...question);
    const answer = readAnswer(httpStatus, text);
    if (answer === null || TRANSIENT.has(answer.code)) {
      throw new Unanswered(`Midtrans answered ${answer?.code ?? `HTTP ${httpStatus}`}.`);
    }
    return { ...answer, answeredAt: parseDate(date) };
  };

  return {
    async send(account, request) {
      let attempts = 0;
      try {
        called.add(account.environment);
        const answer = await inChildSpan(spanOf(request), async (span) => {
          const given = await options.policies.execute(account, (signal) => {
            attempts += 1;
            return ask(account.environment, request, headersOf(account, request), signal);
          });
          span?.set('tenantry.midtrans.status_code', given.code);
          if (attempts > 1) span?.set('http.request.resend_count', attempts - 1);
          return given;
        });
        // A refused key speaks for one attempt only: one before it, whose answer broke off, may have got through.
        if (answer.code === '401' && attempts > 1) {
          throw new Unanswered('Midtrans refused the key after an attempt whose outcome is unknown.');
        }
        return answer;
      } catch (error) {
        // What the policy itself says (open, full, too late) is a Problem already.
        throw error instanceof Problem ? error : providerUnavailable(error);
      }
    },
    async greet(signal) {
      const greeting = { method: 'GET', path: GREETING_PATH } as const;
      await Promise.all([...called].map((environment) => ask(environment, greeting, ANONYMOUS, signal)));
    },
    close: () => agent.close(),
  };
}

/** The causes stay inside: a provider's host and messages are none of the caller's business. */
export const providerUnavailable = (cause: unknown): Problem =>
  upstreamUnavailable('Midtrans cannot be reached right now. Try again shortly.', { cause, retryAfterSeconds: 5 });

/** Without the order's id, of which each is another one. */
const spanOf = ({ method, path }: MidtransRequest): SpanBeginning => {
  const template = path.split('?')[0]?.replace(/^\/v2\/[^/]+\//, '/v2/:orderId/') ?? path;
  return {
    name: `midtrans ${method} ${template}`,
    kind: 'client',
    attributes: { 'http.request.method': method, 'url.template': template, 'service.peer.name': 'midtrans' },
  };
};

const ANONYMOUS = { accept: 'application/json', 'user-agent': 'tenantry' } as const;

function headersOf(account: MidtransAccount, request: MidtransRequest): Record<string, string> {
  const headers: Record<string, string> = {
    ...ANONYMOUS,
    authorization: `Basic ${Buffer.from(`${account.serverKey}:`).toString('base64')}`,
  };
  if (request.method === 'POST') headers['content-type'] = 'application/json';
  if (request.idempotencyKey !== undefined) headers['idempotency-key'] = request.idempotencyKey;
  if (request.notificationUrl !== undefined) headers['x-override-notification'] = request.notificationUrl;
  return headers;
}

/** Null for what is no answer of Midtrans: an error page of something in between says nothing about the payment. */
function readAnswer(httpStatus: number, text: string): Omit<MidtransAnswer, 'answeredAt'> | null {
  const body = parseObject(text);
  if (body === null) return null;
  const code = body['status_code'];
  if (typeof code === 'string' || typeof code === 'number') return { code: String(code), body };
  return httpStatus === 401 ? { code: '401', body } : null;
}

function parseDate(header: string | readonly string[] | undefined): Temporal.Instant | null {
  const milliseconds = typeof header === 'string' ? Date.parse(header) : Number.NaN;
  return Number.isNaN(milliseconds) ? null : Temporal.Instant.fromEpochMilliseconds(milliseconds);
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
