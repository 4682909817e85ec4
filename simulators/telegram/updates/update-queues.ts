import type { SimulatorClock } from '../../shared/clock.ts';
import type { Bot, PendingUpdate } from '../world/bot.ts';
import type { Update, UpdateKind } from '../world/wire.ts';

export type UpdateOutcome =
  | { readonly outcome: 'handled'; readonly by: 'webhook' | 'polling' }
  | { readonly outcome: 'dropped' }
  | { readonly outcome: 'timed-out' };

const NOT_BY_DEFAULT: readonly UpdateKind[] = ['chat_member', 'message_reaction', 'message_reaction_count'];
const LONGEST_LIFE_MS = 24 * 3_600_000;

/** What waits for each bot. An update leaves when the bot has handled it, when it is dropped, or after 24 hours. */
export class UpdateQueues {
  readonly #clock: SimulatorClock;
  readonly #watchers = new Map<string, (outcome: UpdateOutcome) => void>();
  readonly #listeners: ((bot: Bot) => void)[] = [];

  constructor(clock: SimulatorClock) {
    this.#clock = clock;
  }

  onUpdate(listener: (bot: Bot) => void): void {
    this.#listeners.push(listener);
  }

  /** The update's id, or undefined when the bot has not asked for this kind. */
  push(bot: Bot, chatId: number, kind: UpdateKind, content: unknown): number | undefined {
    const isWanted = bot.allowedUpdates?.includes(kind) ?? !NOT_BY_DEFAULT.includes(kind);
    if (!isWanted) return undefined;
    const updateId = bot.nextUpdateId++;
    const update: Update = { update_id: updateId, [kind]: content };
    bot.updates.push({ update, chatId, createdAtMs: this.#clock.nowMs() });
    for (const listener of this.#listeners) listener(bot);
    return updateId;
  }

  pending(bot: Bot): readonly PendingUpdate[] {
    const oldestMs = this.#clock.nowMs() - LONGEST_LIFE_MS;
    const first = bot.updates[0];
    if (first !== undefined && first.createdAtMs <= oldestMs) {
      const expired = bot.updates.filter((pending) => pending.createdAtMs <= oldestMs);
      bot.updates = bot.updates.filter((pending) => pending.createdAtMs > oldestMs);
      for (const { update } of expired) this.#tell(bot, update.update_id, { outcome: 'dropped' });
    }
    return bot.updates;
  }

  /** getUpdates with an offset: everything before it is done with. */
  confirmBefore(bot: Bot, offset: number): void {
    const confirmed = bot.updates.filter(({ update }) => update.update_id < offset);
    if (confirmed.length === 0) return;
    bot.updates = bot.updates.filter(({ update }) => update.update_id >= offset);
    for (const { update } of confirmed) this.#tell(bot, update.update_id, { outcome: 'handled', by: 'polling' });
  }

  delivered(bot: Bot, updateId: number): void {
    bot.updates = bot.updates.filter(({ update }) => update.update_id !== updateId);
    this.#tell(bot, updateId, { outcome: 'handled', by: 'webhook' });
  }

  dropAll(bot: Bot): void {
    const dropped = bot.updates;
    bot.updates = [];
    for (const { update } of dropped) this.#tell(bot, update.update_id, { outcome: 'dropped' });
  }

  /** The timeout is simulated time, so that advancing the clock ends the wait. */
  untilHandled(bot: Bot, updateId: number, timeoutMs: number): Promise<UpdateOutcome> {
    return new Promise((resolve) => {
      const key = watchKey(bot, updateId);
      const takeBackTimer = this.#clock.scheduleIn(timeoutMs, () => {
        this.#watchers.delete(key);
        resolve({ outcome: 'timed-out' });
      });
      this.#watchers.set(key, (outcome) => {
        takeBackTimer();
        resolve(outcome);
      });
    });
  }

  /** Ends every wait: the simulator is closing. */
  stop(): void {
    for (const resolve of this.#watchers.values()) resolve({ outcome: 'dropped' });
    this.#watchers.clear();
  }

  #tell(bot: Bot, updateId: number, outcome: UpdateOutcome): void {
    const key = watchKey(bot, updateId);
    const watcher = this.#watchers.get(key);
    this.#watchers.delete(key);
    watcher?.(outcome);
  }
}

const watchKey = (bot: Bot, updateId: number): string => `${bot.id} ${updateId}`;
