import { defineScript, type RedisClient } from '../run-script.ts';

/** One thing that live connections are counted for: a tenant, a principal of it, an address. */
export type Count = {
  /** All counts that one opening needs stand in one slot of a cluster: what their keys have in braces is the same. */
  readonly key: string;
  readonly limit: number;
  /** How many of them this process holds. */
  readonly held: number;
};

/**
 * Each key is a hash: of every process that holds some, how many, and until when that counts unless it is said again. A
 * process always says how many it holds, never how many more or fewer: so what was lost, came late or came twice is made
 * good the next time it says anything, and what a killed process held is free when its time is up.
 *
 * ARGV: who asks; ms that what it says holds; for every key how many it holds and the limit over all processes; then for
 * each opening the numbers of the one or two keys it is counted under, 0 for none. The openings are decided one after the
 * other. Answers for each 0, or the number of the key that is full. The clock is Redis's own, so processes need not agree
 * on the time.
 */
const settle = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local holder, lease = ARGV[1], tonumber(ARGV[2])
local held, limits, others = {}, {}, {}
for i, key in ipairs(KEYS) do
  held[i], limits[i], others[i] = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2]), 0
  local shares = redis.call('HGETALL', key)
  for s = 1, #shares, 2 do
    if shares[s] ~= holder then
      local count, till = string.match(shares[s + 1], '^(%d+):(%d+)$')
      if till and tonumber(till) > now then others[i] = others[i] + tonumber(count)
      else redis.call('HDEL', key, shares[s]) end
    end
  end
end
local answers = {}
for o = 2 * #KEYS + 3, #ARGV, 2 do
  local first, second = tonumber(ARGV[o]), tonumber(ARGV[o + 1])
  local full = 0
  if held[first] + others[first] >= limits[first] then full = first
  elseif second > 0 and held[second] + others[second] >= limits[second] then full = second
  else
    held[first] = held[first] + 1
    if second > 0 then held[second] = held[second] + 1 end
  end
  answers[#answers + 1] = full
end
for i, key in ipairs(KEYS) do
  if held[i] > 0 then
    redis.call('HSET', key, holder, string.format('%.0f:%.0f', held[i], now + lease))
    redis.call('PEXPIRE', key, lease)
  else redis.call('HDEL', key, holder) end
end
return answers
`);

/**
 * Tells Redis what this process holds of these counts, and asks for places in them. Answers for each opening which of its
 * counts is full, or null: then it has been counted.
 */
export async function settlePlaces<Each extends Count>(
  redis: RedisClient,
  who: { readonly holder: string; readonly leaseMs: number },
  counts: readonly Each[],
  openings: readonly (readonly Each[])[],
): Promise<readonly (Each | null)[]> {
  const numberOf = new Map(counts.map((count, index) => [count, index + 1]));
  const places = openings.flatMap(([first, second]) =>
    [first, second].map((each) => (each && numberOf.get(each)) ?? 0),
  );
  const keys = counts.map(({ key }) => key);
  const shares = counts.flatMap(({ held, limit }) => [held, limit]);
  const answers = await settle(redis, keys, [who.holder, who.leaseMs, ...shares, ...places]);
  return (answers as readonly number[]).map((full) => counts[full - 1] ?? null);
}
