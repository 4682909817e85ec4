import { currentDeadlineMs } from '@tenantry/kernel/call-context.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { inChildSpan } from '@tenantry/kernel/tracing/child-span.ts';
import type { BreakerTransition } from '@tenantry/resilience/circuit-breaker.ts';
import { deadlineAt } from '@tenantry/resilience/deadline.ts';
import type { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import { createPolicy, type Policy } from '@tenantry/resilience/policy.ts';
import { Agent } from 'undici';
import { type Envelope, readEnvelope } from './envelope.ts';
import { TelegramRefused, TelegramUnreachable } from './failure.ts';

export type TelegramUser = { readonly id: number; readonly username: string };
export type WebhookInfo = {
  readonly url: string;
  readonly pendingUpdateCount: number;
  readonly lastErrorMessage: string | null;
  readonly lastErrorAt: Temporal.Instant | null;
};
export type OutgoingMessage = {
  readonly chatId: bigint;
  readonly text: string;
  readonly parseMode: 'HTML' | null;
};

/** The five methods of the Bot API that we use. Each throws TelegramRefused or TelegramUnreachable. */
export type TelegramClient = {
  readonly getMe: (token: string) => Promise<TelegramUser>;
  readonly setWebhook: (token: string, webhook: { url: string; secretToken: string }) => Promise<void>;
  readonly deleteWebhook: (token: string) => Promise<void>;
  readonly getWebhookInfo: (token: string) => Promise<WebhookInfo>;
  /** Answers the id that Telegram gave the message. */
  readonly sendMessage: (token: string, message: OutgoingMessage) => Promise<bigint>;
  /** Resolves when Telegram answers anybody at all, be it that it knows no such bot. */
  readonly greet: (signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
};

// Of a bot that cannot be: its number is taken by nobody.
const NOBODY = '/bot0:greeting/getMe';
// Two calls of it fit into the 15 s that a request may take.
const TIMEOUT_MS = 6_000;
// What is said before a request was written, so that it cannot have arrived.
const NOT_SENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

export function createTelegramClient(options: {
  readonly url: string;
  readonly monitor?: DependencyMonitor;
  readonly onTransition?: (transition: BreakerTransition) => void;
}): TelegramClient {
  const agent = new Agent({ connections: 64, keepAliveTimeout: 30_000, connect: { timeout: 2_000 } });
  const policy = createPolicy({
    name: 'Telegram',
    timeoutMs: TIMEOUT_MS,
    // A refusal is an answer: one tenant's revoked token or flood must not stop the messages of all.
    breaker: { isFailure: (error) => !(error instanceof TelegramRefused) || error.errorCode >= 500 },
    bulkhead: { maxConcurrent: 64, maxQueued: 256 },
    ...(options.monitor === undefined ? {} : { monitor: options.monitor }),
  });
  if (options.onTransition !== undefined) policy.breaker.onTransition(options.onTransition);
  const call = (token: string, method: string, parameters: Readonly<Record<string, unknown>> = {}) =>
    inChildSpan(
      // Never the path, which holds the token.
      { name: `telegram ${method}`, kind: 'client', attributes: { 'service.peer.name': 'telegram' } },
      () => callMethod({ agent, policy, url: options.url }, token, method, parameters),
      isAnswer,
    );

  return {
    async getMe(token) {
      const { id, username } = (await call(token, 'getMe')) as { id: number; username: string };
      return { id, username };
    },
    async setWebhook(token, { url, secretToken }) {
      await call(token, 'setWebhook', {
        url,
        secret_token: secretToken,
        allowed_updates: ['message', 'my_chat_member'],
      });
    },
    async deleteWebhook(token) {
      await call(token, 'deleteWebhook');
    },
    async getWebhookInfo(token) {
      const info = (await call(token, 'getWebhookInfo')) as {
        url: string;
        pending_update_count: number;
        last_error_message?: string;
        last_error_date?: number;
      };
      return {
        url: info.url,
        pendingUpdateCount: info.pending_update_count,
        lastErrorMessage: info.last_error_message ?? null,
        lastErrorAt:
          info.last_error_date === undefined
            ? null
            : Temporal.Instant.fromEpochMilliseconds(info.last_error_date * 1_000),
      };
    },
    async sendMessage(token, { chatId, text, parseMode }) {
      const message = (await call(token, 'sendMessage', {
        // At most 52 bits (Bot API), so a JSON number holds it.
        chat_id: Number(chatId),
        text,
        link_preview_options: { is_disabled: true },
        ...(parseMode === null ? {} : { parse_mode: parseMode }),
      })) as { message_id: number };
      return BigInt(message.message_id);
    },
    async greet(signal) {
      const response = await agent.request({ origin: options.url, path: NOBODY, method: 'GET', signal });
      const envelope = readEnvelope(response.statusCode, await response.body.text());
      if (!envelope.ok && envelope.errorCode >= 500) resultOf(envelope);
    },
    close: () => agent.destroy(),
  };
}

const isAnswer = (error: unknown): boolean => error instanceof TelegramRefused && error.errorCode < 500;

type Connection = { readonly agent: Agent; readonly policy: Policy; readonly url: string };

async function callMethod(
  { agent, policy, url }: Connection,
  token: string,
  method: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  let wasTried = false;
  const deadlineMs = currentDeadlineMs();
  try {
    return await policy.execute(
      async ({ signal }) => {
        wasTried = true;
        const response = await agent.request({
          origin: url,
          // Every character of a token is one that a path may hold; the schema of POST /v1/bots sees to it.
          path: `/bot${token}/${method}`,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(parameters),
          signal,
        });
        return resultOf(readEnvelope(response.statusCode, await response.body.text()));
      },
      Number.isFinite(deadlineMs) ? { deadline: deadlineAt(deadlineMs) } : {},
    );
  } catch (error) {
    if (error instanceof TelegramRefused) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const retryAfterSeconds = error instanceof Problem ? (error.retryAfterSeconds ?? null) : null;
    throw new TelegramUnreachable(
      { wasTried, mayHaveArrived: wasTried && !NOT_SENT.has(code), retryAfterSeconds },
      error,
    );
  }
}

function resultOf(envelope: Envelope): unknown {
  if (envelope.ok) return envelope.result;
  throw new TelegramRefused(envelope.errorCode, envelope.description, envelope.retryAfterSeconds);
}
