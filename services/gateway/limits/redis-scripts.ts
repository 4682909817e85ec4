import { defineScript, type RedisClient } from '../run-script.ts';

/**
 * Sells tokens of one bucket. KEYS[1] holds the microsecond at which it is full again, and the window that this was
 * reckoned by: when the window is another one now, the same share of the bucket stays used, so that a change of limits
 * is no gift. ARGV: tokens in the bucket, window in µs, how many requests wait, how many more are wanted in stock, how
 * many were given away while Redis was not heard of. What is for stock is at most a quarter of what is there, so that
 * the last tokens go to whoever has a request, in whichever gateway. The clock is Redis's own, so gateways need not agree
 * on the time. Returns { sold, available after, µs until full, µs until the next token if none was sold }.
 */
const BUY_TOKENS = `
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local waiting, wanted, debt = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full, before = now, window
local stored = redis.call('GET', KEYS[1])
if stored then
  local moment, reckoned = string.match(stored, '^(%d+):?(%d*)$')
  full = math.max(tonumber(moment) or now, now)
  before = tonumber(reckoned) or window
end
if before ~= window then full = now + (full - now) * window / before end
local function keep()
  redis.call('SET', KEYS[1], string.format('%.0f:%.0f', full, window), 'PX', math.ceil((full - now) / 1000) + 1000)
end
local per_token = window / limit
if debt > 0 then full = math.min(full + debt * per_token, now + window) end
local available = math.floor((now + window - full) / per_token + 1e-6)
if available < 1 then
  if debt > 0 or before ~= window then keep() end
  return { 0, 0, math.ceil(full - now), math.ceil(full + per_token - window - now) }
end
local sold = math.min(available, math.max(waiting, math.min(waiting + wanted, math.floor(available / 4))))
full = full + sold * per_token
keep()
return { sold, available - sold, math.ceil(full - now), 0 }
`;

/** Counts one request in a window that begins with its first. KEYS[1] the counter, ARGV[1] the window in ms. */
const COUNT_IN_WINDOW = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }
`;

const runBuy = defineScript(BUY_TOKENS);
const runCount = defineScript(COUNT_IN_WINDOW);

export type Order = {
  /** Requests that wait for a token. */
  readonly waiting: number;
  /** Tokens for stock besides. */
  readonly wanted: number;
  /** Tokens that were given away without Redis. */
  readonly debt: number;
};

export type Purchase = {
  readonly sold: number;
  readonly available: number;
  readonly resetMs: number;
  readonly retryAfterMs: number;
};

export async function buyTokens(
  redis: RedisClient,
  key: string,
  order: { limit: number; windowSeconds: number } & Order,
): Promise<Purchase> {
  const args = [order.limit, order.windowSeconds * 1_000_000, order.waiting, order.wanted, order.debt];
  const [sold = 0, available = 0, resetUs = 0, retryUs = 0] = (await runBuy(redis, [key], args)) as readonly number[];
  return { sold, available, resetMs: resetUs / 1_000, retryAfterMs: retryUs / 1_000 };
}

export async function countInWindow(
  redis: RedisClient,
  key: string,
  windowMs: number,
): Promise<{ readonly count: number; readonly resetMs: number }> {
  const [count = 0, resetMs = windowMs] = (await runCount(redis, [key], [windowMs])) as readonly number[];
  return { count, resetMs: Math.max(resetMs, 0) };
}
