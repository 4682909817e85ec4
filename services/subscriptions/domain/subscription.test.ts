import { money } from '@tenantry/kernel/money.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cancel } from './cancel.ts';
import {
  abandonedCollection,
  acceptCollection,
  awaitingCollection,
  giveUpCollection,
  isOverdue,
  nextFollowUp,
  refuseCollection,
} from './collection.ts';
import { endGrace, endPeriod, nextPeriodEnd } from './end-period.ts';
import type { SubscriptionEvent } from './events.ts';
import { hearInvoice, type InvoiceFact } from './hear-invoice.ts';
import { type Order, subscribe } from './subscribe.ts';
import { type Collection, evolveAll, isRunning, type Subscription } from './subscription.ts';

const T0 = Temporal.Instant.from('2027-01-31T03:00:00Z'); // 10:00 in Jakarta
const after = (days: number): Temporal.Instant => T0.add({ hours: 24 * days });
const INVOICE = 'inv_1';
const RENEWAL = { invoiceId: 'inv_2', paymentId: 'pay_2', graceId: 'gra_1' };
const GRACE_DAYS = 7;

const order = (overrides: Partial<Order> = {}): Order => ({
  subscriberId: 'usr_1',
  plan: { id: 'pln_1', slug: 'pro', name: 'Pro' },
  price: money(150_000n, 'IDR'),
  interval: 'month',
  timeZone: 'Asia/Jakarta',
  paymentMethod: { type: 'bank_transfer', bank: 'bca' },
  ids: { invoiceId: INVOICE, paymentId: 'pay_1' },
  ...overrides,
});
const FREE = order({ price: money(0n, 'IDR'), paymentMethod: null, ids: null });

const given = (...events: readonly SubscriptionEvent[][]): Subscription => evolveAll(null, events.flat());
const types = (events: readonly SubscriptionEvent[]): string[] => events.map((event) => event.type);
const hearing = (now: Temporal.Instant, hasAnother = false) => ({
  now,
  graceDays: GRACE_DAYS,
  ids: RENEWAL,
  hasAnother,
});
const fact = (kind: InvoiceFact['kind'], version: number, invoiceId: string = INVOICE): InvoiceFact => ({
  kind,
  invoiceId,
  version,
});
const then = (state: Subscription, events: readonly SubscriptionEvent[]): Subscription => evolveAll(state, events);
const hear = (state: Subscription, heard: InvoiceFact, now = T0, hasAnother = false): Subscription => {
  const events = hearInvoice(state, heard, hearing(now, hasAnother));
  return events.length === 0 ? state : then(state, events);
};
const closePeriod = (state: Subscription, now: Temporal.Instant): Subscription => {
  const events = endPeriod(state, { now, graceDays: GRACE_DAYS, ids: RENEWAL });
  return events.length === 0 ? state : then(state, events);
};

const incomplete = given([...subscribe(order(), T0)]);
const active = hear(incomplete, fact('paid', 2));
const renewing = closePeriod(active, after(28));

describe('A subscription that costs something', () => {
  it('waits for its first payment and has no period yet', () => {
    expect(incomplete).toMatchObject({ status: 'incomplete', collection: { invoiceId: INVOICE, period: null } });
  });

  it('is active from the moment it is paid, for one month of its tenant’s calendar', () => {
    const later = hear(incomplete, fact('paid', 2), after(1));
    expect(later).toMatchObject({ status: 'active', period: { start: after(1) } });
    expect(isRunning(later) && later.period.end.toString()).toBe('2027-03-01T03:00:00Z');
  });

  it('is activated once, however often it is told', () => {
    expect(hearInvoice(active, fact('paid', 2), hearing(T0))).toEqual([]);
  });

  it('expires when its payment fails for good', () => {
    expect(hear(incomplete, fact('voided', 2))).toMatchObject({ status: 'incomplete_expired', reason: 'voided' });
  });

  it('expires when the provider takes no such payment', () => {
    expect(then(incomplete, refuseCollection(incomplete, INVOICE, T0))).toMatchObject({
      status: 'incomplete_expired',
      reason: 'refused',
    });
  });

  it('is given up after a day in which the payment could not even be asked for', () => {
    expect(giveUpCollection(incomplete, INVOICE, T0.add({ hours: 23 }))).toEqual([]);
    expect(types(giveUpCollection(incomplete, INVOICE, T0.add({ hours: 24 })))).toEqual(['expired']);
    const accepted = then(incomplete, acceptCollection(incomplete, INVOICE));
    expect(giveUpCollection(accepted, INVOICE, after(9))).toEqual([]);
  });

  it('is not asked for again once billing has it', () => {
    const accepted = then(incomplete, acceptCollection(incomplete, INVOICE));
    expect(awaitingCollection(accepted, INVOICE)).toBeNull();
    expect(acceptCollection(accepted, INVOICE)).toEqual([]);
    expect(awaitingCollection(active, INVOICE)).toBeNull();
  });

  it('comes to life when the money arrives late, unless the subscriber has another one by then', () => {
    const expired = hear(incomplete, fact('voided', 2));
    expect(hear(expired, fact('paid', 3), after(2)).status).toBe('active');
    expect(hear(expired, fact('paid', 3), after(2), true).status).toBe('incomplete_expired');
  });
});

describe('Billing’s facts in the wrong order', () => {
  it('an older one changes nothing', () => {
    expect(hear(active, fact('voided', 1))).toBe(active);
  });

  it('a refund heard before its payment leaves nothing to activate', () => {
    const refunded = hear(incomplete, fact('refunded-in-full', 3));
    expect(hear(refunded, fact('paid', 2)).status).toBe('incomplete_expired');
  });

  it('a reversal heard before its payment leaves the subscription unpaid', () => {
    const noted = hear(incomplete, fact('payment-reversed', 3));
    expect(noted.status).toBe('incomplete');
    expect(hear(noted, fact('paid', 2)).status).toBe('incomplete');
    expect(hear(noted, fact('paid', 4)).status).toBe('active');
  });

  it('those of an invoice that is not the newest are nobody’s business', () => {
    expect(hear(renewing, fact('refunded-in-full', 9))).toBe(renewing);
  });

  it('never show more than the newest one alone would', () => {
    const kinds = ['paid', 'voided', 'refunded-in-full', 'payment-reversed'] as const;
    const told = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(told, fc.array(fc.constantFrom(...kinds), { minLength: 6, maxLength: 6 }), (versions, byVersion) => {
        const facts = versions.map((version) => fact(byVersion[version - 1] ?? 'paid', version));
        const newest = facts.reduce((a, b) => (a.version > b.version ? a : b));
        const end = facts.reduce<Subscription>((state, heard) => hear(state, heard), incomplete);
        if (newest.kind !== 'paid') expect(end.status).not.toBe('active');
        const repeated = facts.reduce<Subscription>((state, heard) => hear(state, heard), end);
        expect(repeated).toEqual(end);
      }),
    );
  });
});

describe('The end of a period', () => {
  it('is not there before its instant', () => {
    expect(endPeriod(active, { now: after(27), graceDays: 7, ids: RENEWAL })).toEqual([]);
    expect(nextPeriodEnd(active, after(27))?.toString()).toBe('2027-02-28T03:00:00Z');
  });

  it('closes it with what the next one costs, and asks for that; features go on', () => {
    const events = endPeriod(active, { now: after(28), graceDays: GRACE_DAYS, ids: RENEWAL });
    expect(types(events)).toEqual(['period-closed', 'renewal-started']);
    expect(events[0]?.data).toMatchObject({ amountDue: { amount: '150000', currency: 'IDR' } });
    expect(renewing).toMatchObject({
      status: 'past_due',
      periodIndex: 1,
      grace: { id: 'gra_1', endsAt: after(35), cause: 'renewal' },
      collection: { invoiceId: 'inv_2', isAccepted: false },
    });
  });

  it('begins a month that is counted from the first one: the 31st comes back', () => {
    expect(isRunning(renewing) && renewing.period.end.toString()).toBe('2027-03-31T03:00:00Z');
  });

  it('ends what was canceled, at that very instant, with nothing due', () => {
    const scheduled = then(active, cancel(active, 'period-end', after(3)));
    expect(scheduled).toMatchObject({ status: 'active', cancelAtPeriodEnd: true });
    const ended = closePeriod(scheduled, after(29));
    expect(ended).toMatchObject({ status: 'canceled', canceledAt: after(28), reason: 'period-end' });
    expect(nextPeriodEnd(ended, after(29))).toBeNull();
  });

  it('begins the next period of what costs nothing without asking', () => {
    const free = given([...subscribe(FREE, T0)]);
    expect(free).toMatchObject({ status: 'active', collection: null });
    const events = endPeriod(free, { now: after(28), graceDays: 7, ids: RENEWAL });
    expect(types(events)).toEqual(['period-closed', 'renewed']);
    expect(then(free, events)).toMatchObject({ status: 'active', periodIndex: 1 });
  });
});

describe('A renewal', () => {
  it('that is paid is active for the period that has begun', () => {
    expect(hear(renewing, fact('paid', 2, 'inv_2'), after(30))).toMatchObject({ status: 'active', periodIndex: 1 });
  });

  it('whose invoice is void stays past due until its grace ends it', () => {
    const voided = hear(renewing, fact('voided', 2, 'inv_2'), after(29));
    expect(voided.status).toBe('past_due');
    expect(endGrace(voided, 'gra_1', after(34))).toEqual([]);
    expect(then(voided, endGrace(voided, 'gra_1', after(35)))).toMatchObject({ status: 'canceled', reason: 'unpaid' });
  });

  it('is not ended by a grace that was over before', () => {
    const paid = hear(renewing, fact('paid', 2, 'inv_2'), after(30));
    expect(endGrace(paid, 'gra_1', after(35))).toEqual([]);
    expect(endGrace(renewing, 'gra_0', after(35))).toEqual([]);
  });

  it('that the provider refuses keeps its grace', () => {
    expect(refuseCollection(renewing, 'inv_2', after(28))).toEqual([]);
  });
});

describe('Money that is taken back', () => {
  it('in full ends the subscription', () => {
    const ended = hear(active, fact('refunded-in-full', 3), after(5));
    expect(ended).toMatchObject({ status: 'canceled', reason: 'refunded', canceledAt: after(5) });
  });

  it('by the bank makes it past due, and a new payment makes it active in the same period', () => {
    const reversed = hear(active, fact('payment-reversed', 3), after(5));
    expect(reversed).toMatchObject({ status: 'past_due', grace: { cause: 'reversal', endsAt: after(12) } });
    expect(hear(reversed, fact('paid', 4), after(6))).toMatchObject({ status: 'active', periodIndex: 0 });
  });

  it('and paid again after its period is over begins the next period at once', () => {
    const reversed = hear(active, fact('payment-reversed', 3), after(26));
    expect(closePeriod(reversed, after(28))).toBe(reversed);
    expect(nextPeriodEnd(reversed, after(28))).toEqual(after(33));
    const events = hearInvoice(reversed, fact('paid', 4), hearing(after(29)));
    expect(types(events)).toEqual(['settled', 'period-closed', 'renewal-started']);
    expect(then(reversed, events)).toMatchObject({ status: 'past_due', periodIndex: 1 });
  });
});

describe('Canceling', () => {
  it('at once ends the period there', () => {
    const events = cancel(active, 'now', after(3));
    expect(events[0]).toMatchObject({ type: 'period-closed', data: { periodEnd: '2027-02-03T03:00:00.000Z' } });
    expect(then(active, events)).toMatchObject({ status: 'canceled', canceledAt: after(3) });
  });

  it('twice at the period’s end is canceling once', () => {
    expect(cancel(then(active, cancel(active, 'period-end', after(3))), 'period-end', after(4))).toEqual([]);
  });

  it('what is owed for a period that has begun ends at once: there is nothing paid to use up', () => {
    expect(then(renewing, cancel(renewing, 'period-end', after(29))).status).toBe('canceled');
  });

  it('an order that waits for its payment ends it, whenever it is to be', () => {
    for (const at of ['now', 'period-end'] as const) {
      const ended = then(incomplete, cancel(incomplete, at, after(1)));
      expect(ended).toMatchObject({ status: 'incomplete_expired', reason: 'canceled' });
    }
  });

  it.each([
    ['incomplete_expired', hear(incomplete, fact('voided', 2))],
    ['canceled', then(active, cancel(active, 'now', after(3)))],
  ])('what is %s is refused, with the states', (from, state) => {
    try {
      cancel(state, 'now', after(4));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Problem);
      expect(error).toMatchObject({ kind: { code: 'invalid-transition' }, extensions: { from, to: 'canceled' } });
    }
  });
});

describe('A collection that is left in billing’s hands', () => {
  const left = (state: Subscription, events: readonly SubscriptionEvent[]): (string | undefined)[] => {
    const invoices: (string | undefined)[] = [];
    let current = state;
    for (const event of events) {
      invoices.push(abandonedCollection(current, event)?.invoiceId);
      current = then(current, [event]);
    }
    return invoices.filter((invoice) => invoice !== undefined);
  };
  const reversed = hear(active, fact('payment-reversed', 3), after(5));

  it.each([
    ['the owner cancels an unpaid renewal', renewing, cancel(renewing, 'now', after(29)), ['inv_2']],
    ['the grace of a renewal ends', renewing, endGrace(renewing, 'gra_1', after(35)), ['inv_2']],
    ['the grace of a reversal ends', reversed, endGrace(reversed, 'gra_1', after(12)), [INVOICE]],
    ['the owner cancels an order', incomplete, cancel(incomplete, 'now', after(1)), [INVOICE]],
    ['an order could not be asked for', incomplete, giveUpCollection(incomplete, INVOICE, after(1)), [INVOICE]],
    ['what is paid is canceled', active, cancel(active, 'now', after(3)), []],
    ['billing has ended it', incomplete, hearInvoice(incomplete, fact('voided', 2), hearing(T0)), []],
    ['it is paid', incomplete, hearInvoice(incomplete, fact('paid', 2), hearing(T0)), []],
  ])('is known when %s', (_, state, events, expected) => {
    expect(left(state, events)).toEqual(expected);
  });
});

describe('An order that nothing is heard of', () => {
  const collection = incomplete.collection as Collection;

  it('is asked about later and later, and for the last time after a week', () => {
    const asked: number[] = [];
    for (let now = T0; !isOverdue(collection, now); ) {
      now = nextFollowUp(collection, now);
      asked.push(now.since(T0).total('minutes'));
    }
    expect(asked.slice(0, 7)).toEqual([10, 20, 40, 80, 160, 320, 640]);
    expect(asked.at(-1)).toBe(7 * 24 * 60);
    expect(asked.length).toBeLessThan(40);
    expect(nextFollowUp(collection, after(8))).toEqual(after(8).add({ hours: 6 }));
  });
});

describe('A whole life of random commands', () => {
  type Step = (state: Subscription, now: Temporal.Instant) => readonly SubscriptionEvent[];
  const newest = (state: Subscription): string => state.collection?.invoiceId ?? '';
  const heard =
    (kind: InvoiceFact['kind']): Step =>
    (state, now) =>
      hearInvoice(state, fact(kind, (state.collection?.invoiceVersion ?? 0) + 1, newest(state)), hearing(now));
  const cancelable =
    (at: 'now' | 'period-end'): Step =>
    (state, now) =>
      isRunning(state) || state.status === 'incomplete' ? cancel(state, at, now) : [];
  const steps: Readonly<Record<string, Step>> = {
    paid: heard('paid'),
    voided: heard('voided'),
    refunded: heard('refunded-in-full'),
    reversed: heard('payment-reversed'),
    endPeriod: (state, now) => endPeriod(state, { now, graceDays: GRACE_DAYS, ids: RENEWAL }),
    endGrace: (state, now) => (state.status === 'past_due' ? endGrace(state, state.grace.id, now) : []),
    cancelNow: cancelable('now'),
    cancelAtEnd: cancelable('period-end'),
    accept: (state) => acceptCollection(state, newest(state)),
    refuse: (state, now) => refuseCollection(state, newest(state), now),
    giveUp: (state, now) => giveUpCollection(state, newest(state), now),
  };
  const life = fc.array(fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.nat(20)), { maxLength: 40 });

  it('never leaves canceled, never skips a period, and replays to the same state', () => {
    fc.assert(
      fc.property(life, (commands) => {
        const history: SubscriptionEvent[] = [...subscribe(order(), T0)];
        let state = evolveAll(null, history);
        let now = T0;
        for (const [name, days] of commands) {
          now = now.add({ hours: 24 * days });
          const events = steps[name]?.(state, now) ?? [];
          const before = state;
          for (const event of events) state = evolveAll(state, [event]);
          history.push(...events);
          if (before.status === 'canceled') expect(state.status).toBe('canceled');
          if (isRunning(before) && isRunning(state)) {
            expect(state.periodIndex - before.periodIndex).toBeGreaterThanOrEqual(0);
            expect(state.periodIndex - before.periodIndex).toBeLessThanOrEqual(1);
            if (state.periodIndex > before.periodIndex) expect(state.period.start).toEqual(before.period.end);
          }
        }
        // As stored: through JSON and back.
        expect(evolveAll(null, JSON.parse(JSON.stringify(history)) as SubscriptionEvent[])).toEqual(state);
      }),
      { numRuns: 300 },
    );
  });
});
