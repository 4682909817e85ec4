import { createRedis } from '@tenantry/databases/redis.ts';
import { newId, newUuid } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createSendRate } from './send-rate.ts';

const NOW = Temporal.Instant.from('2026-11-22T02:00:00Z');
const at = (ms: number) => NOW.add({ milliseconds: ms });

let redis: ReturnType<typeof createRedis>;
beforeAll(async () => {
  redis = createRedis({ url: inject('redisUrl'), namespace: `r${newUuid().slice(-12)}`, onError: () => undefined });
  await new Promise((resolve) => redis.once('ready', resolve));
});
afterAll(() => redis.disconnect());

/** Two instances of the service, and one bot that nobody used before. */
function newBot() {
  const options = { redis, onError: (error: unknown) => expect.unreachable(String(error)) };
  const [one, other] = [createSendRate(options), createSendRate(options)];
  const [tenantId, botId] = [newId('ten'), newId('bot')];
  const depart = (chatId: bigint, ms: number, notificationId = newId('ntf'), rate = one) =>
    rate.take({ tenantId, botId, chatId, notificationId, now: at(ms) });
  const hold = (ms: number, seconds: number) => one.hold(tenantId, botId, { now: at(ms), seconds });
  return { other, depart, hold };
}

describe('One chat', () => {
  it('takes a short burst, then a message a second', async () => {
    const { depart } = newBot();
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) waits.push(await depart(1n, 0));
    expect(waits).toEqual([0, 0, 0, 1_000, 2_000, 3_000]);
  });
  it('does not make other chats wait', async () => {
    const { depart } = newBot();
    for (let i = 0; i < 6; i++) await depart(1n, 0);
    expect(await depart(2n, 0)).toBe(0);
  });
});

describe('One bot', () => {
  it('sends 20 at once and about 28 a second after that, whichever instance sends', async () => {
    const { depart, other } = newBot();
    const waits: number[] = [];
    for (let chat = 0n; chat < 60n; chat++)
      waits.push(await depart(chat, 0, newId('ntf'), ...(chat % 2n === 0n ? [] : [other])));
    expect(waits.filter((ms) => ms === 0)).toHaveLength(20);
    expect(waits.filter((ms) => ms > 0 && ms <= 1_000)).toHaveLength(27);
    expect(new Set(waits.slice(20)).size).toBe(40); // everybody waits for a place of their own
  });
  it('sends nothing while Telegram holds it, and no burst after that', async () => {
    const { depart, hold } = newBot();
    await hold(0, 35);
    expect(await depart(1n, 10_000)).toBe(25_000);
    expect(await depart(2n, 10_000)).toBe(25_036);
    expect(await depart(3n, 36_000)).toBe(0);
  });
  it('is held by the longest hold', async () => {
    const { depart, hold } = newBot();
    await hold(0, 35);
    await hold(0, 5);
    expect(await depart(1n, 6_000)).toBe(29_000);
  });
});

describe('A message that was told to wait', () => {
  it('has its place: it comes back then and goes, whoever came meanwhile', async () => {
    const { depart } = newBot();
    for (let i = 0; i < 3; i++) await depart(1n, 0);
    const mine = newId('ntf');
    expect(await depart(1n, 0, mine)).toBe(1_000);
    expect(await depart(1n, 500)).toBe(1_500);
    expect(await depart(1n, 700, mine)).toBe(300);
    expect(await depart(1n, 1_000, mine)).toBe(0);
  });
  it('loses its place when the bot is held meanwhile', async () => {
    const { depart, hold } = newBot();
    for (let i = 0; i < 3; i++) await depart(1n, 0);
    const mine = newId('ntf');
    expect(await depart(1n, 0, mine)).toBe(1_000);
    await hold(500, 60);
    expect(await depart(1n, 1_000, mine)).toBeGreaterThanOrEqual(59_500);
  });
});

describe('Without Redis', () => {
  it('each instance sends slowly: one message a second and bot', async () => {
    const errors: unknown[] = [];
    const away = createRedis({ url: 'redis://127.0.0.1:1', namespace: '', onError: () => undefined });
    const rate = createSendRate({ redis: away, onError: (error) => errors.push(error) });
    const [tenantId, botId] = [newId('ten'), newId('bot')];
    const depart = (ms: number, bot = botId) =>
      rate.take({ tenantId, botId: bot, chatId: 1n, notificationId: newId('ntf'), now: at(ms) });
    expect([await depart(0), await depart(100), await depart(1_000)]).toEqual([0, 900, 0]);
    expect(await depart(100, newId('bot'))).toBe(0);
    await rate.hold(tenantId, botId, { now: at(1_000), seconds: 30 });
    expect(await depart(2_000)).toBe(29_000);
    expect(errors.length).toBeGreaterThan(0);
    away.disconnect();
  });
});
