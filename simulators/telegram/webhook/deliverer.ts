import type { Agent } from 'undici';
import type { SimulatorClock } from '../../shared/clock.ts';
import type { UpdateQueues } from '../updates/update-queues.ts';
import type { Bot, PendingUpdate, Webhook } from '../world/bot.ts';
import { createWebhookAgent, type PostOutcome, postUpdate } from './post-update.ts';
import { retryAfterSeconds, retryDelaySeconds } from './retry-schedule.ts';

export type WebhookReply = { readonly contentType: string; readonly body: Buffer };

type DelivererDeps = {
  readonly clock: SimulatorClock;
  readonly queues: UpdateQueues;
  readonly random: () => number;
  /** An answer that names a method is one call of the Bot API, whose result nobody sees. */
  readonly runReply: (bot: Bot, reply: WebhookReply) => Promise<void>;
  readonly onChange: () => void;
};

/** One chat's queue: its first update is on its way, or waits for its next attempt. */
type Lane = { updateId: number; failures: number; isBusy: boolean; takeBackRetry: (() => void) | undefined };

const newLane = (): Lane => ({ updateId: 0, failures: 0, isBusy: false, takeBackRetry: undefined });

const LONGEST_ANSWER_MS = 60_000;
const GONE_LIMIT_MS = 23 * 3_600_000;

/** Brings updates to webhooks: in order within a chat, chats beside each other, again and again until 24 hours are over. */
export class WebhookDeliverer {
  readonly #deps: DelivererDeps;
  readonly #lanes = new Map<Webhook, Map<number, Lane>>();
  readonly #agents = new Map<string | null, Agent>();
  readonly #closing = new AbortController();

  constructor(deps: DelivererDeps) {
    this.#deps = deps;
    deps.queues.onUpdate((bot) => this.poke(bot));
  }

  /** Starts whatever can be started for this bot. */
  poke(bot: Bot): void {
    const { webhook } = bot;
    if (webhook === null || this.#closing.signal.aborted) return;
    const lanes = this.#lanesOf(webhook);
    const seen = new Set<number>();
    let busy = [...lanes.values()].filter((lane) => lane.isBusy).length;
    for (const pending of this.#deps.queues.pending(bot)) {
      if (busy >= webhook.maxConnections) break;
      if (seen.has(pending.chatId)) continue;
      seen.add(pending.chatId);
      const lane = lanes.get(pending.chatId) ?? newLane();
      lanes.set(pending.chatId, lane);
      if (lane.isBusy || lane.takeBackRetry !== undefined) continue;
      // The one before it may have become too old between two attempts; this one starts afresh.
      if (lane.updateId !== pending.update.update_id) lane.failures = 0;
      lane.updateId = pending.update.update_id;
      lane.isBusy = true;
      busy += 1;
      this.#deps.clock.track(this.#deliver(bot, webhook, pending, lane));
    }
  }

  /** The bot has another webhook, or none: forget the attempts made with the old one. */
  forget(webhook: Webhook): void {
    for (const lane of this.#lanes.get(webhook)?.values() ?? []) lane.takeBackRetry?.();
    this.#lanes.delete(webhook);
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    await this.#deps.clock.settled();
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  #lanesOf(webhook: Webhook): Map<number, Lane> {
    const lanes = this.#lanes.get(webhook) ?? new Map<number, Lane>();
    this.#lanes.set(webhook, lanes);
    return lanes;
  }

  #agentFor(webhook: Webhook): Agent {
    const agent = this.#agents.get(webhook.certificate) ?? createWebhookAgent(webhook.certificate);
    this.#agents.set(webhook.certificate, agent);
    return agent;
  }

  async #deliver(bot: Bot, webhook: Webhook, pending: PendingUpdate, lane: Lane): Promise<void> {
    const { clock, queues } = this.#deps;
    const timeout = new AbortController();
    const takeBackTimer = clock.scheduleIn(LONGEST_ANSWER_MS, () => timeout.abort());
    const signal = AbortSignal.any([timeout.signal, this.#closing.signal]);
    const outcome = await postUpdate(webhook, pending.update, this.#agentFor(webhook), signal);
    takeBackTimer();
    lane.isBusy = false;
    if (this.#closing.signal.aborted) return;
    if (outcome.delivered) {
      webhook.goneSinceMs = null;
      await this.#deps.runReply(bot, outcome);
      queues.delivered(bot, pending.update.update_id);
    } else if (bot.webhook === webhook) {
      this.#noteFailure(bot, webhook, lane, outcome);
    }
    this.#deps.onChange();
    this.poke(bot);
  }

  #noteFailure(bot: Bot, webhook: Webhook, lane: Lane, outcome: PostOutcome & { delivered: false }): void {
    const nowMs = this.#deps.clock.nowMs();
    lane.failures += 1;
    webhook.lastErrorAtMs = nowMs;
    webhook.lastErrorMessage = outcome.error;
    webhook.goneSinceMs = outcome.status === 410 ? (webhook.goneSinceMs ?? nowMs) : null;
    if (webhook.goneSinceMs !== null && nowMs - webhook.goneSinceMs >= GONE_LIMIT_MS) {
      bot.webhook = null;
      this.forget(webhook);
      return;
    }
    const computed = retryDelaySeconds(lane.failures, this.#deps.random());
    const delaySeconds = retryAfterSeconds(outcome.retryAfter) ?? computed;
    if (delaySeconds === 0) return;
    lane.takeBackRetry = this.#deps.clock.scheduleIn(delaySeconds * 1000, () => {
      lane.takeBackRetry = undefined;
      this.poke(bot);
    });
  }
}
