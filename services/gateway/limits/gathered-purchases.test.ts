import { describe, expect, it } from 'vitest';
import { GatheredPurchases } from './gathered-purchases.ts';
import { RedisGate } from './redis-gate.ts';
import type { Order, Purchase } from './redis-scripts.ts';

const orderOf = (key: string, waiting = 0): Order => ({
  ...{ key, policy: { name: 'tenant', limit: 100, windowSeconds: 1 } },
  ...{ waiting, wanted: 1, debt: 0 },
});
/** A purchase that tells whose it is. */
const soldTo = ({ key }: Order): Purchase => ({ sold: Number(key), available: 0, resetMs: 0, retryAfterMs: 0 });
const noLate = (): never => expect.unreachable();

function openMarket(answer = async (orders: readonly Order[]): Promise<Purchase[]> => orders.map(soldTo)) {
  const questions: string[][] = [];
  const market = new GatheredPurchases(
    (orders) => {
      questions.push(orders.map(({ key }) => key));
      return answer(orders);
    },
    new RedisGate(() => performance.now()),
  );
  return { market, questions };
}

describe('Purchases', () => {
  it('that nobody waits for are one question, and each gets its own answer', async () => {
    const { market, questions } = openMarket();
    const bought = Array.from({ length: 30 }, (_, key) => market.buy(() => orderOf(String(key)), noLate));
    await new Promise((resolve) => setImmediate(resolve));
    expect(questions).toEqual([]);
    expect((await Promise.all(bought)).map((purchase) => purchase?.sold)).toEqual(bought.map((_, key) => key));
    expect(questions).toHaveLength(1);
  });

  it('that somebody waits for leave in this turn, take the others along, and are for all who wait by then', async () => {
    const { market, questions } = openMarket();
    let waiting = 1;
    const stock = market.buy(() => orderOf('1'), noLate);
    const asked: number[] = [];
    const urgent = market.buy(() => {
      asked.push(waiting);
      return orderOf('2', waiting);
    }, noLate);
    market.hurry();
    market.hurry();
    waiting = 3;
    await new Promise((resolve) => setImmediate(resolve));
    expect(questions).toEqual([['1', '2']]);
    expect(asked).toEqual([3]);
    expect([(await stock)?.sold, (await urgent)?.sold]).toEqual([1, 2]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(questions).toHaveLength(1);
  });

  it('are never more than 64 in one question, and no such number waits for others', async () => {
    const { market, questions } = openMarket();
    const bought = Array.from({ length: 150 }, (_, key) => market.buy(() => orderOf(String(key)), noLate));
    await new Promise((resolve) => setImmediate(resolve));
    expect(questions.map((keys) => keys.length)).toEqual([64, 64, 22]);
    expect((await Promise.all(bought)).map((purchase) => purchase?.sold)).toEqual(bought.map((_, key) => key));
  });

  it('are answered with null while Redis is away, and told of the answer that came after all', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { market, questions } = openMarket((orders) => promise.then(() => orders.map(soldTo)));
    const late: (readonly [order: number, sold: number])[] = [];
    const buy = (key: number) =>
      market.buy(
        () => orderOf(String(key)),
        ({ sold }) => late.push([key, sold]),
      );
    expect(await Promise.all([buy(5), buy(6)])).toEqual([null, null]);
    expect(market.isAway).toBe(true);
    expect(await buy(7)).toBeNull();
    expect(questions).toHaveLength(1);
    resolve();
    await promise;
    await new Promise((later) => setImmediate(later));
    expect(late).toEqual([
      [5, 5],
      [6, 6],
    ]);
  });
});
