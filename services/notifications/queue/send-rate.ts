import type { Databases } from '@tenantry/databases/factory.ts';
import type { BotId, NotificationId, TenantId } from '@tenantry/kernel/id.ts';

/** One message that wants to go out. */
export type Departure = {
  readonly tenantId: TenantId;
  readonly botId: BotId;
  readonly chatId: bigint;
  readonly notificationId: NotificationId;
  readonly now: Temporal.Instant;
};

/** How fast the bots may write, over all instances. Telegram publishes no figures; these are the ones widely observed. */
export type SendRate = {
  /** Milliseconds until this message may go; 0 means now. A wait is a place kept for it: it need only come back then. */
  readonly take: (departure: Departure) => Promise<number>;
  /** Telegram said 429: nothing of this bot goes out before then. */
  readonly hold: (
    tenantId: TenantId,
    botId: BotId,
    period: { now: Temporal.Instant; seconds: number },
  ) => Promise<void>;
};

type Rate = { readonly intervalMs: number; readonly burst: number };

/** About 30 a second for one bot, less some headroom; about 1 a second in one chat, a short burst tolerated. */
const BOT_RATE: Rate = { intervalMs: 36, burst: 20 };
const CHAT_RATE: Rate = { intervalMs: 1_000, burst: 3 };
/** Without Redis instances cannot count together: each is then so slow that several do not flood either. */
const ALONE_INTERVAL_MS = 1_000;

// GCRA: each key keeps when its bucket would be full again. A place in the future is kept under the message's own key,
// so that a thousand waiting messages come back once each instead of all racing for every free moment.
const TAKE = `
local now = tonumber(ARGV[1])
local hold = tonumber(redis.call('get', KEYS[3]) or '0')
local place = tonumber(redis.call('get', KEYS[4]) or '0')
if place > 0 and place >= hold then
  if place <= now then redis.call('del', KEYS[4]) end
  return math.max(place - now, 0)
end
local start = math.max(now, hold)
local full = {}
for i = 1, 2 do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  full[i] = math.max(tonumber(redis.call('get', KEYS[i]) or '0'), start)
  start = math.max(start, full[i] - (burst - 1) * interval)
end
for i = 1, 2 do
  full[i] = math.max(full[i], i == 1 and 0 or start) + tonumber(ARGV[2 * i])
  redis.call('set', KEYS[i], full[i], 'px', math.ceil(full[i] - now) + 1000)
end
if start <= now then return 0 end
redis.call('set', KEYS[4], start, 'px', math.ceil(start - now) + 60000)
return math.ceil(start - now)
`;

// The bucket of the bot is emptied too: after a flood Telegram tolerates no burst.
const HOLD = `
local until_ms, now = tonumber(ARGV[1]), tonumber(ARGV[2])
if until_ms <= tonumber(redis.call('get', KEYS[2]) or '0') then return 0 end
redis.call('set', KEYS[2], until_ms, 'px', math.max(until_ms - now, 0) + 60000)
redis.call('set', KEYS[1], until_ms + tonumber(ARGV[3]), 'px', math.max(until_ms - now, 0) + 60000)
return 1
`;

export function createSendRate(options: {
  readonly redis: Databases<unknown>['redis'];
  readonly onError: (error: unknown) => void;
}): SendRate {
  const alone = paceAlone();
  // One hash tag per bot: a cluster runs a script only where all of its keys are.
  const keysOf = (tenantId: TenantId, botId: BotId) => {
    const base = `${tenantId}:telegram:{${botId}}`;
    return { bot: `${base}:rate`, hold: `${base}:hold`, of: (name: string) => `${base}:${name}` };
  };
  return {
    async take({ tenantId, botId, chatId, notificationId, now }) {
      const keys = keysOf(tenantId, botId);
      try {
        const waitMs = await options.redis.eval(
          TAKE,
          4,
          keys.bot,
          keys.of(`chat:${chatId}`),
          keys.hold,
          keys.of(`place:${notificationId}`),
          now.epochMilliseconds,
          BOT_RATE.intervalMs,
          BOT_RATE.burst,
          CHAT_RATE.intervalMs,
          CHAT_RATE.burst,
        );
        return Number(waitMs);
      } catch (error) {
        options.onError(error);
        return alone.take(botId, now.epochMilliseconds);
      }
    },
    async hold(tenantId, botId, { now, seconds }) {
      const until = now.add({ milliseconds: Math.ceil(seconds * 1_000) });
      const keys = keysOf(tenantId, botId);
      alone.hold(botId, until.epochMilliseconds);
      try {
        const burstMs = (BOT_RATE.burst - 1) * BOT_RATE.intervalMs;
        await options.redis.eval(HOLD, 2, keys.bot, keys.hold, until.epochMilliseconds, now.epochMilliseconds, burstMs);
      } catch (error) {
        options.onError(error);
      }
    },
  };
}

const MAX_REMEMBERED = 10_000;

function paceAlone() {
  const nextAtMs = new Map<BotId, number>();
  return {
    take(botId: BotId, nowMs: number): number {
      const next = nextAtMs.get(botId) ?? 0;
      if (next > nowMs) return next - nowMs;
      if (nextAtMs.size >= MAX_REMEMBERED) nextAtMs.clear();
      nextAtMs.set(botId, nowMs + ALONE_INTERVAL_MS);
      return 0;
    },
    hold(botId: BotId, untilMs: number): void {
      nextAtMs.set(botId, Math.max(nextAtMs.get(botId) ?? 0, untilMs));
    },
  };
}
