import type { Settings } from '../settings.ts';
import { type BucketRate, fullBucket, secondsUntilToken, type TokenBucket } from './token-bucket.ts';

export type Sending = {
  readonly botId: number;
  readonly chatId: number;
  readonly isGroup: boolean;
  readonly isPaidBroadcast: boolean;
};

/** Telegram limits what a bot sends to one chat, to one group, and altogether. Limits belong to the bot, not to an address. */
export class FloodControl {
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #heldUntilMs = new Map<number, number>();

  /** Seconds the bot must wait, or 0, and then the message counts. */
  admit(sending: Sending, settings: Settings, nowMs: number): number {
    if (!settings.floodControl) return 0;
    const { botId, chatId } = sending;
    const botRate = sending.isPaidBroadcast
      ? { perSecond: settings.paidBroadcastPerSecond, burst: settings.paidBroadcastPerSecond }
      : { perSecond: settings.botPerSecond, burst: settings.botBurst };
    const chatRate = sending.isGroup
      ? { perSecond: settings.groupPerMinute / 60, burst: settings.groupPerMinute }
      : { perSecond: settings.chatPerSecond, burst: settings.chatBurst };
    const waitSeconds = this.#takeAll(
      [
        [`bot ${botId} ${sending.isPaidBroadcast}`, botRate],
        [`chat ${botId} ${chatId}`, chatRate],
      ],
      nowMs,
    );
    if (waitSeconds > 0) this.#heldUntilMs.set(botId, nowMs + waitSeconds * 1000);
    return waitSeconds;
  }

  /** Seconds for which a 429 holds every call of the bot, where settings say that it does. */
  heldSeconds(botId: number, { floodControl, floodHoldsBot }: Settings, nowMs: number): number {
    if (!floodControl || !floodHoldsBot) return 0;
    return Math.max(0, Math.ceil(((this.#heldUntilMs.get(botId) ?? nowMs) - nowMs) / 1000));
  }

  /** tdlib/telegram-bot-api: one setWebhook per second. */
  admitSetWebhook(botId: number, settings: Settings, nowMs: number): number {
    return settings.floodControl ? this.#takeAll([[`webhook ${botId}`, { perSecond: 1, burst: 1 }]], nowMs) : 0;
  }

  /** tdlib/telegram-bot-api counts the first uses of tokens per client address. */
  admitNewBot(clientIp: string, settings: Settings, nowMs: number): number {
    const perMinute = settings.newBotsPerMinute;
    if (!settings.floodControl || perMinute === null) return 0;
    return this.#takeAll([[`new ${clientIp}`, { perSecond: perMinute / 60, burst: perMinute }]], nowMs);
  }

  clear(): void {
    this.#buckets.clear();
    this.#heldUntilMs.clear();
  }

  #takeAll(wanted: readonly (readonly [string, BucketRate])[], nowMs: number): number {
    const buckets = wanted.map(([key, rate]) => {
      const bucket = this.#buckets.get(key) ?? fullBucket(rate, nowMs);
      this.#buckets.set(key, bucket);
      return { bucket, waitSeconds: secondsUntilToken(bucket, rate, nowMs) };
    });
    const waitSeconds = Math.max(...buckets.map((entry) => entry.waitSeconds));
    if (waitSeconds === 0) for (const { bucket } of buckets) bucket.tokens -= 1;
    return waitSeconds;
  }
}
