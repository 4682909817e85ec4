import type { EventEnvelope } from '@tenantry/contract/event.ts';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type EventInLine, EventLines, type LinesOptions } from './event-lines.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Receipt = { readonly seq: number; readonly working: () => void };

const receiptOf = (seq: number, working: () => void = () => undefined): Receipt => ({ seq, working });
const eventOf = (tenantid: string, subject: string): EventEnvelope => ({ tenantid, subject }) as EventEnvelope;

function openLines(
  work: LinesOptions<Receipt>['work'],
  sizes: Partial<Omit<LinesOptions<Receipt>, 'work'>> = {},
): EventLines<Receipt> {
  return new EventLines({
    ...{ work, places: 4, placesOfTenant: 2, most: 100, mostAhead: 50, mostBytes: 1_000, ...sizes },
  });
}

/** Work that ends when the test says so. */
function openHands() {
  const hands: { readonly inLine: EventInLine<Receipt>; readonly end: (againInMs: number | null) => void }[] = [];
  return {
    hands,
    work: (inLine: EventInLine<Receipt>): Promise<number | null> =>
      new Promise((end) => {
        hands.push({ inLine, end });
      }),
    seqs: () => hands.map(({ inLine }) => inLine.receipt.seq),
    async endFirst(againInMs: number | null = null): Promise<void> {
      hands.shift()?.end(againInMs);
      await vi.advanceTimersByTimeAsync(0);
    },
  };
}

const planOf = fc.record({
  tenant: fc.nat(2),
  subject: fc.nat(2),
  failures: fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 3 }),
  takesMs: fc.nat(30),
  isDeliveredTwice: fc.boolean(),
  pauseMs: fc.nat(20),
});

describe('Events in lines', () => {
  it('are each done once, in the order of their aggregate, within the places, whatever fails and comes again', () =>
    fc.assert(
      fc.asyncProperty(fc.array(planOf, { maxLength: 60 }), async (plans) => {
        const done: number[] = [];
        const inHand: EventEnvelope[] = [];
        const lines = openLines(async (inLine) => {
          const { event, receipt } = inLine;
          expect(inHand.some(({ tenantid, subject }) => tenantid === event.tenantid && subject === event.subject)).toBe(
            false,
          );
          inHand.push(event);
          expect(inHand.length).toBeLessThanOrEqual(4);
          expect(inHand.filter(({ tenantid }) => tenantid === event.tenantid).length).toBeLessThanOrEqual(2);
          const plan = plans[receipt.seq - 1];
          await new Promise((resolve) => setTimeout(resolve, plan?.takesMs));
          inHand.splice(inHand.indexOf(event), 1);
          const againInMs = plan?.failures[inLine.attempts++];
          if (againInMs === undefined) done.push(receipt.seq);
          return againInMs ?? null;
        });
        for (const [index, { tenant, subject, isDeliveredTwice, pauseMs }] of plans.entries()) {
          for (let delivery = 0; delivery < (isDeliveredTwice ? 2 : 1); delivery++)
            lines.take(eventOf(`t${tenant}`, `s${subject}`), receiptOf(index + 1), 1);
          await vi.advanceTimersByTimeAsync(pauseMs);
        }
        await vi.advanceTimersByTimeAsync(600_000);
        expect(done.toSorted((a, b) => a - b)).toEqual(plans.map((_, index) => index + 1));
        const byAggregate = Map.groupBy(done, (seq) => `${plans[seq - 1]?.tenant} ${plans[seq - 1]?.subject}`);
        for (const seqs of byAggregate.values()) expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
        expect([lines.resting, lines.hasRoom]).toEqual([0, true]);
        await lines.end();
      }),
      { numRuns: 200 },
    ));

  it('of a tenant that fills its share leave the other places to others, who take turns', async () => {
    const { hands, work, seqs, endFirst } = openHands();
    const lines = openLines(work);
    for (let seq = 1; seq <= 9; seq++) lines.take(eventOf('greedy', `s${seq}`), receiptOf(seq), 1);
    expect(seqs()).toEqual([1, 2]);
    for (const [tenant, seq] of [
      ['b', 10],
      ['b', 11],
      ['c', 12],
    ] as const)
      lines.take(eventOf(tenant, `s${seq}`), receiptOf(seq), 1);
    expect(seqs()).toEqual([1, 2, 10, 11]);
    await endFirst();
    await endFirst();
    expect(hands.map(({ inLine }) => inLine.event.tenantid).toSorted()).toEqual(['b', 'b', 'c', 'greedy']);
  });

  it('wait behind one that rests, and go on the moment it is done', async () => {
    const { hands, work, seqs, endFirst } = openHands();
    const lines = openLines(work);
    for (const seq of [1, 2, 3]) lines.take(eventOf('a', 's'), receiptOf(seq), 1);
    await endFirst(5_000);
    expect([lines.resting, hands.length]).toEqual([3, 0]);
    lines.take(eventOf('a', 's'), receiptOf(4), 1);
    await vi.advanceTimersByTimeAsync(4_999);
    expect([lines.resting, hands.length]).toEqual([4, 0]);
    await vi.advanceTimersByTimeAsync(1);
    expect([lines.resting, seqs()]).toEqual([0, [1]]);
    await endFirst();
    expect(seqs()).toEqual([2]);
  });

  it('that are delivered again are not there twice, and answer to their latest delivery', async () => {
    const { hands, work, seqs, endFirst } = openHands();
    const lines = openLines(work);
    const later = receiptOf(1);
    for (const receipt of [receiptOf(1), receiptOf(2), later]) lines.take(eventOf('a', 's'), receipt, 1);
    expect(hands[0]?.inLine.receipt).toBe(later);
    await endFirst();
    expect(seqs()).toEqual([2]);
    await endFirst();
    expect(hands).toEqual([]);
  });

  it.each([
    ['all', { most: 3 }, 3, false],
    ['bytes', { mostBytes: 30 }, 3, false],
    ['those that do not rest', { mostAhead: 3 }, 3, true],
  ])('make whoever reads wait while there are too many: %s', async (_, sizes, many, isFreeWhenTheyRest) => {
    const { work, endFirst } = openHands();
    const lines = openLines(work, sizes);
    for (let seq = 1; seq <= many; seq++) {
      expect(lines.hasRoom).toBe(true);
      lines.take(eventOf('a', 's'), receiptOf(seq), 10);
    }
    let hasRoom = false;
    const waiting = lines.room().then(() => {
      hasRoom = true;
    });
    await endFirst(1_000);
    expect(hasRoom).toBe(isFreeWhenTheyRest);
    await vi.advanceTimersByTimeAsync(1_000);
    await endFirst();
    await waiting;
  });

  it('say that they are still here, as long as they are', async () => {
    const { work, endFirst } = openHands();
    const lines = openLines(work);
    const [first, second] = [vi.fn(), vi.fn()];
    lines.take(eventOf('a', 's'), receiptOf(1, first), 1);
    lines.take(eventOf('a', 's'), receiptOf(2, second), 1);
    await vi.advanceTimersByTimeAsync(25_000);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([2, 2]);
    await endFirst();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([2, 3]);
    void lines.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(second.mock.calls.length).toBe(3);
  });

  it('at the end: what is in hand is finished, what rests or waits is not begun, who waits for room is let go', async () => {
    const { hands, work, endFirst } = openHands();
    const lines = openLines(work, { most: 4, places: 2 });
    lines.take(eventOf('a', 'rests'), receiptOf(1), 1);
    await endFirst(1_000);
    for (const seq of [2, 3, 4]) lines.take(eventOf('a', `s${seq}`), receiptOf(seq), 1);
    const room = lines.room();
    let isOver = false;
    const over = lines.end().then(() => {
      isOver = true;
    });
    await room;
    await vi.advanceTimersByTimeAsync(60_000);
    expect([hands.length, isOver]).toEqual([2, false]);
    await endFirst();
    expect(isOver).toBe(false);
    await endFirst(1_000);
    await over;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(hands).toEqual([]);
  });
});
