import type { SimulatorClock } from '../../shared/clock.ts';
import { conflict } from '../bot-api/errors.ts';
import type { Bot } from '../world/bot.ts';
import type { Update } from '../world/wire.ts';
import type { UpdateQueues } from './update-queues.ts';

export type PollRequest = { readonly offset: number; readonly limit: number; readonly timeoutSeconds: number };

type WaitingPoll = {
  readonly limit: number;
  readonly takeBackTimer: () => void;
  readonly answer: (updates: Update[]) => void;
  readonly fail: (error: Error) => void;
};
type PollHistory = { offset: number; startedAtMs: number; finishedAtMs: number };

/** tdlib/telegram-bot-api delays a conflict that follows another one, so that two pollers do not spin. */
const CONFLICT_PAUSE_MS = 3000;
const WEBHOOK_ACTIVE =
  "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const OTHER_POLLER = 'terminated by other getUpdates request; make sure that only one bot instance is running';

/** getUpdates: one poller per bot; the newer one ends the older one. */
export class LongPolls {
  readonly #clock: SimulatorClock;
  readonly #queues: UpdateQueues;
  readonly #waiting = new Map<number, WaitingPoll>();
  readonly #history = new Map<number, PollHistory>();
  readonly #lastConflictAtMs = new Map<number, number>();

  constructor(clock: SimulatorClock, queues: UpdateQueues) {
    this.#clock = clock;
    this.#queues = queues;
    queues.onUpdate((bot) => this.#wake(bot));
  }

  async poll(bot: Bot, request: PollRequest, isPunished: boolean, disconnected: AbortSignal): Promise<Update[]> {
    if (bot.webhook !== null) throw await this.#conflict(bot, WEBHOOK_ACTIVE);
    this.#end(bot.id, OTHER_POLLER);
    this.#confirm(bot, request.offset);
    const { limit, timeoutSeconds } = isPunished ? this.#punishShortPolling(bot.id, request) : request;
    const ready = this.#queues.pending(bot).slice(0, limit);
    const updates =
      ready.length > 0 || timeoutSeconds === 0
        ? ready.map(({ update }) => update)
        : await this.#wait(bot, limit, timeoutSeconds, disconnected);
    const history = this.#history.get(bot.id);
    if (history !== undefined) history.finishedAtMs = this.#clock.nowMs();
    return updates;
  }

  endBySetWebhook(botId: number): void {
    this.#end(botId, 'terminated by setWebhook request');
  }

  stop(): void {
    for (const poll of this.#waiting.values()) poll.answer([]);
  }

  clear(): void {
    this.stop();
    this.#history.clear();
    this.#lastConflictAtMs.clear();
  }

  /** A negative offset keeps that many updates from the end and forgets the others. */
  #confirm(bot: Bot, offset: number): void {
    const kept = offset < 0 ? this.#queues.pending(bot).at(offset)?.update.update_id : offset;
    if (kept !== undefined && kept > 0) this.#queues.confirmBefore(bot, kept);
  }

  /** tdlib/telegram-bot-api: the same offset again within 3 s waits 3 s, within 0.5 s gets one update. */
  #punishShortPolling(botId: number, request: PollRequest): PollRequest {
    const nowMs = this.#clock.nowMs();
    const last = this.#history.get(botId);
    this.#history.set(botId, { offset: request.offset, startedAtMs: nowMs, finishedAtMs: nowMs });
    if (last === undefined || last.offset !== request.offset) return request;
    const isTooSoon = nowMs < last.startedAtMs + 3000;
    const isMuchTooSoon = nowMs < last.finishedAtMs + 500;
    return {
      offset: request.offset,
      timeoutSeconds: isTooSoon ? Math.max(3, request.timeoutSeconds) : request.timeoutSeconds,
      limit: isMuchTooSoon ? 1 : request.limit,
    };
  }

  #wait(bot: Bot, limit: number, timeoutSeconds: number, disconnected: AbortSignal): Promise<Update[]> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        if (this.#waiting.get(bot.id) === poll) this.#waiting.delete(bot.id);
        poll.takeBackTimer();
      };
      const poll: WaitingPoll = {
        limit,
        takeBackTimer: this.#clock.scheduleIn(timeoutSeconds * 1000, () => poll.answer([])),
        answer: (updates) => {
          leave();
          resolve(updates);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiting.set(bot.id, poll);
      disconnected.addEventListener('abort', () => poll.answer([]), { once: true });
    });
  }

  #wake(bot: Bot): void {
    const poll = this.#waiting.get(bot.id);
    if (poll === undefined) return;
    poll.answer(
      this.#queues
        .pending(bot)
        .slice(0, poll.limit)
        .map(({ update }) => update),
    );
  }

  #end(botId: number, reason: string): void {
    const poll = this.#waiting.get(botId);
    if (poll === undefined) return;
    this.#waiting.delete(botId);
    poll.takeBackTimer();
    void this.#conflict({ id: botId }, reason).then(poll.fail);
  }

  async #conflict(bot: Pick<Bot, 'id'>, reason: string): Promise<Error> {
    const nowMs = this.#clock.nowMs();
    const isRepeated = nowMs - (this.#lastConflictAtMs.get(bot.id) ?? Number.NEGATIVE_INFINITY) < CONFLICT_PAUSE_MS;
    this.#lastConflictAtMs.set(bot.id, nowMs);
    if (isRepeated) await this.#clock.wait(CONFLICT_PAUSE_MS);
    return conflict(reason);
  }
}
