import { defineScript, type RedisClient } from '../run-script.ts';
import type { Policy } from './decision.ts';

/**
 * Sells tokens of buckets. Each key holds the microsecond at which its bucket is full again, and the window that this was
 * reckoned by: when the window is another one now, the same share of the bucket stays used, so that a change of limits
 * is no gift. ARGV, five for each key: tokens in the bucket, window in µs, how many requests wait, how many more are wanted
 * in stock, how many were given away while Redis was not heard of. What is for stock is at most a quarter of what is there,
 * so that the last tokens go to whoever has a request, in whichever gateway. The clock is Redis's own, so gateways need not
 * agree on the time. Returns four numbers for each key: sold, available after, µs until full, µs until the next token if
 * none was sold.
 */
const BUY_TOKENS = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for index, key in ipairs(KEYS) do
  local at = index * 5
  local limit, window = tonumber(ARGV[at - 4]), tonumber(ARGV[at - 3])
  local waiting, wanted, debt = tonumber(ARGV[at - 2]), tonumber(ARGV[at - 1]), tonumber(ARGV[at])
  local full, before = now, window
  local stored = redis.call('GET', key)
  if stored then
    local moment, reckoned = string.match(stored, '^(%d+):?(%d*)$')
    full = math.max(tonumber(moment) or now, now)
    before = tonumber(reckoned) or window
  end
  if before ~= window then full = now + (full - now) * window / before end
  local per_token = window / limit
  if debt > 0 then full = math.min(full + debt * per_token, now + window) end
  local available = math.floor((now + window - full) / per_token + 1e-6)
  local sold, wait = 0, 0
  if available < 1 then
    available, wait = 0, math.ceil(full + per_token - window - now)
  else
    sold = math.min(available, math.max(waiting, math.min(waiting + wanted, math.floor(available / 4))))
    full = full + sold * per_token
  end
  if sold > 0 or debt > 0 or before ~= window then
    redis.call('SET', key, string.format('%.0f:%.0f', full, window), 'PX', math.ceil((full - now) / 1000) + 1000)
  end
  for _, number in ipairs({ sold, available - sold, math.ceil(full - now), wait }) do answer[#answer + 1] = number end
end
return answer
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
  readonly key: string;
  readonly policy: Policy;
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

/** In the order of the orders. */
export async function buyTokens(redis: RedisClient, orders: readonly Order[]): Promise<Purchase[]> {
  const args = orders.flatMap(({ policy: { limit, windowSeconds }, waiting, wanted, debt }) => [
    ...[limit, windowSeconds * 1_000_000],
    ...[waiting, wanted, debt],
  ]);
  const keys = orders.map(({ key }) => key);
  const numbers = (await runBuy(redis, keys, args)) as readonly number[];
  return orders.map((_, index) => {
    const [sold = 0, available = 0, resetUs = 0, retryUs = 0] = numbers.slice(index * 4, index * 4 + 4);
    return { sold, available, resetMs: resetUs / 1_000, retryAfterMs: retryUs / 1_000 };
  });
}

export async function countInWindow(
  redis: RedisClient,
  key: string,
  windowMs: number,
): Promise<{ readonly count: number; readonly resetMs: number }> {
  const [count = 0, resetMs = windowMs] = (await runCount(redis, [key], [windowMs])) as readonly number[];
  return { count, resetMs: Math.max(resetMs, 0) };
}
