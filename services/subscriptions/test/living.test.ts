import { uuidOf } from '@tenantry/kernel/id.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { periodClosed, subscriptionActivated, subscriptionCanceled, subscriptionPastDue } from '../contract/events.ts';
import { cancelSubscription } from '../contract/subscriptions.ts';
import { openSubscriptionsWorld, problemOf, type Told, toldOf } from './subscriptions-world.ts';

/** A world of its own per story: each moves the clock. */
let story: Awaited<ReturnType<typeof openSubscriptionsWorld>>;
beforeEach(async () => {
  story = await openSubscriptionsWorld();
});
afterEach(() => story?.close());

const subscribed = async () => {
  const tenant = await story.addTenant();
  const user = story.world.principal(tenant.id, ['member']);
  const told = await story.activate(tenant, user);
  return { tenant, user, told };
};
const cancel = (user: Parameters<typeof story.read>[0], { subscriptionId }: Told, at: 'period-end' | 'now') =>
  story.world.call(cancelSubscription, { params: { subscriptionId }, body: { at } }, user);

describe('At the end of its period', () => {
  it('a canceled subscription ends, and until then its features stay', async () => {
    const { user, told } = await subscribed();
    await story.consume(user, 30);
    const scheduled = await cancel(user, told, 'period-end');
    expect(scheduled.body).toMatchObject({ status: 'active', cancelAtPeriodEnd: true, canceledAt: null });
    const again = await cancel(user, told, 'period-end');
    expect(again).toMatchObject({ status: 200, body: { cancelAtPeriodEnd: true } });
    expect((await story.entitlements(user)).planSlug).toBe('pro');

    story.world.clock.advance({ days: 32 });
    expect((await story.entitlements(user)).planSlug).toBe('free'); // by the clock, not by a timer
    const ended = await story.untilStatus(user, told.subscriptionId, 'canceled');
    expect(ended.canceledAt).toBe(ended.currentPeriod?.end);
    const closed = await story.world.heard(periodClosed, ({ data }) => data.subscriptionId === told.subscriptionId);
    expect(closed.data).toMatchObject({
      periodStart: ended.currentPeriod?.start,
      periodEnd: ended.currentPeriod?.end,
      usage: [{ feature: 'api-calls', used: 30 }],
      amountDue: { amount: '0', currency: 'IDR' },
    });
    await story.world.heard(subscriptionCanceled, ({ data }) => data.subscriptionId === told.subscriptionId);
    expect(story.billing.requests).toHaveLength(1);
    await eventually(async () => {
      const due = await story.world.sql('select kind from subscriptions.due where id = $1', [
        uuidOf(told.subscriptionId),
      ]);
      expect(due).toEqual([]);
    });
  });

  it('a subscription renews: usage is totalled, the next period is asked for, and paying makes it active', async () => {
    const { tenant, user, told } = await subscribed();
    await story.consume(user, 7);
    const before = await story.read(user, told.subscriptionId);
    story.world.clock.advance({ days: 32 });

    const renewing = await story.untilStatus(user, told.subscriptionId, 'past_due');
    expect(renewing.currentPeriod?.start).toBe(before.currentPeriod?.end);
    expect(renewing.latestInvoiceId).not.toBe(told.invoiceId);
    const closed = await story.world.heard(periodClosed, ({ data }) => data.subscriptionId === told.subscriptionId);
    expect(closed.data).toMatchObject({
      usage: [{ feature: 'api-calls', used: 7 }],
      amountDue: { amount: '150000', currency: 'IDR' },
    });
    await story.world.heard(subscriptionPastDue, ({ data }) => data.subscriptionId === told.subscriptionId);
    const request = await eventually(() => {
      const found = story.billing.requests.find(({ invoiceId }) => invoiceId === renewing.latestInvoiceId);
      expect(found).toBeDefined();
      return found;
    });
    expect(request?.body.lines[0]?.period).toEqual(renewing.currentPeriod);
    expect(request?.body.purpose).toBe('renewal');
    expect(request?.body.paymentMethod).toEqual({ type: 'bank_transfer', bank: 'bca' });

    // Features go on in the grace, with the new period's quota.
    expect(await story.entitlements(user)).toMatchObject({
      planSlug: 'pro',
      usage: [{ used: 0, resetsAt: renewing.currentPeriod?.end }],
    });
    await story.paid(tenant.id, toldOf(renewing));
    await story.untilStatus(user, told.subscriptionId, 'active');
    await story.world.heard(
      subscriptionActivated,
      ({ data }) => data.subscriptionId === told.subscriptionId && data.periodStart === before.currentPeriod?.end,
    );
    story.world.clock.advance({ days: 8 }); // the grace that was not needed runs out without effect
    await eventually(async () => {
      const due = await story.world.sql("select 1 from subscriptions.due where kind = 'subscription:grace-end'");
      expect(due).toEqual([]);
    });
    expect((await story.read(user, told.subscriptionId)).status).toBe('active');
    expect((await story.entitlements(user)).planSlug).toBe('pro');
  });

  it('a renewal that nobody pays ends after its grace', async () => {
    const { tenant, user, told } = await subscribed();
    story.world.clock.advance({ days: 32 });
    const renewing = await story.untilStatus(user, told.subscriptionId, 'past_due');
    await story.voided(tenant.id, toldOf(renewing));
    await eventually(async () => expect(await story.eventTypes(told.subscriptionId)).toContain('invoice-noted'));
    expect((await story.entitlements(user)).planSlug).toBe('pro');
    story.world.clock.advance({ days: 7 });
    expect((await story.entitlements(user)).planSlug).toBe('free');
    await story.untilStatus(user, told.subscriptionId, 'canceled');
    await eventually(() => expect(story.billing.ended).toEqual([renewing.latestInvoiceId]));
  });

  it('a renewal whose receipt was lost is found paid when its grace ends', async () => {
    const { user, told } = await subscribed();
    story.world.clock.advance({ days: 32 });
    const renewing = toldOf(await story.untilStatus(user, told.subscriptionId, 'past_due'));
    await eventually(() => expect(story.billing.requests).toHaveLength(2));
    story.billing.know(renewing.invoiceId, { status: 'paid' });
    story.world.clock.advance({ days: 7 });
    await story.untilStatus(user, told.subscriptionId, 'active');
    expect((await story.entitlements(user)).planSlug).toBe('pro');
    expect(story.billing.ended).toEqual([]);
  });

  it('a renewal with a payment under way is not given up before it is known what becomes of that', async () => {
    const { tenant, user, told } = await subscribed();
    story.world.clock.advance({ days: 32 });
    const renewing = toldOf(await story.untilStatus(user, told.subscriptionId, 'past_due'));
    await eventually(() => expect(story.billing.requests).toHaveLength(2));
    story.billing.know(renewing.invoiceId, { isPaymentUnderWay: true });
    story.world.clock.advance({ days: 7 });
    expect((await story.entitlements(user)).planSlug).toBe('free');
    const dueAt = async () =>
      (
        await story.world.sql<{ due_at: Date }>(
          "select due_at from subscriptions.due where kind = 'subscription:grace-end'",
        )
      ).map((row) => row.due_at.getTime() - story.world.clock.now().epochMilliseconds);
    await eventually(async () => expect((await dueAt())[0]).toBeGreaterThan(0));
    expect((await story.read(user, told.subscriptionId)).status).toBe('past_due');
    await story.paid(tenant.id, renewing, 20);
    await story.untilStatus(user, told.subscriptionId, 'active');
    expect((await story.entitlements(user)).planSlug).toBe('pro');
  });

  it('a renewal whose payment is under way for ever is given up all the same', async () => {
    const { user, told } = await subscribed();
    story.world.clock.advance({ days: 32 });
    const renewing = toldOf(await story.untilStatus(user, told.subscriptionId, 'past_due'));
    await eventually(() => expect(story.billing.requests).toHaveLength(2));
    story.billing.know(renewing.invoiceId, { isPaymentUnderWay: true });
    story.world.clock.advance({ days: 9 });
    await story.untilStatus(user, told.subscriptionId, 'canceled');
    await eventually(() => expect(story.billing.ended).toEqual([renewing.invoiceId]));
  });

  it('a grace whose row comes up too early keeps it', async () => {
    const { tenant, user, told } = await subscribed();
    await story.reversed(tenant.id, told, 3);
    await story.untilStatus(user, told.subscriptionId, 'past_due');
    const kind = "kind = 'subscription:grace-end'";
    await story.world.sql(`update subscriptions.due set due_at = due_at - interval '7 days' where ${kind}`);
    await eventually(async () => {
      const rows = await story.world.sql<{ left: string }>(
        `select extract(day from due_at - now())::text as left from subscriptions.due where ${kind} and claimed_until is null`,
      );
      expect(rows).toEqual([{ left: '6' }]);
    });
    story.world.clock.advance({ days: 7 });
    await story.untilStatus(user, told.subscriptionId, 'canceled');
  });

  it('a renewal that billing cannot take at once is asked for again', async () => {
    const { user, told } = await subscribed();
    story.billing.be('down');
    story.world.clock.advance({ days: 32 });
    const renewing = await story.untilStatus(user, told.subscriptionId, 'past_due');
    story.billing.be('pending');
    await eventually(async () => {
      story.world.clock.advance({ seconds: 2 });
      expect(story.billing.requests.at(-1)?.invoiceId).toBe(renewing.latestInvoiceId);
    });
  });

  it('what costs nothing goes on', async () => {
    const tenant = await story.addTenant();
    const user = story.world.principal(tenant.id, ['member']);
    const { body } = await story.subscribe(user, 'free');
    story.world.clock.advance({ days: 32 });
    await eventually(async () => {
      const now = await story.read(user, body.id);
      expect(now).toMatchObject({ status: 'active', currentPeriod: { start: body.currentPeriod?.end } });
    });
  });
});

describe('Money that goes back', () => {
  it('in full cancels, in part does not', async () => {
    const { tenant, user, told } = await subscribed();
    await story.refunded(tenant.id, told, 3, false);
    await story.refunded(tenant.id, told, 4, true);
    await story.untilStatus(user, told.subscriptionId, 'canceled');
    expect((await story.entitlements(user)).planSlug).toBe('free');
    expect((await story.eventTypes(told.subscriptionId)).slice(-2)).toEqual(['period-closed', 'canceled']);
  });

  it('by the bank leaves a grace; paying again ends it', async () => {
    const { tenant, user, told } = await subscribed();
    await story.reversed(tenant.id, told, 3);
    await story.untilStatus(user, told.subscriptionId, 'past_due');
    expect((await story.entitlements(user)).planSlug).toBe('pro');
    await story.paid(tenant.id, told, 4);
    await story.untilStatus(user, told.subscriptionId, 'active');
  });

  it('by the bank and never paid again cancels after the grace', async () => {
    const { tenant, user, told } = await subscribed();
    await story.reversed(tenant.id, told, 3);
    await story.untilStatus(user, told.subscriptionId, 'past_due');
    story.world.clock.advance({ days: 7 });
    await story.untilStatus(user, told.subscriptionId, 'canceled');
  });
});

describe('Canceling at once', () => {
  it('gives back Free, and another subscription may follow', async () => {
    const { user, told } = await subscribed();
    const canceled = await cancel(user, told, 'now');
    expect(canceled.body).toMatchObject({ status: 'canceled' });
    expect(canceled.body.canceledAt).not.toBeNull();
    expect((await story.entitlements(user)).planSlug).toBe('free');
    const again = await cancel(user, told, 'now');
    expect(again.status).toBe(409);
    expect(problemOf(again)).toMatchObject({ code: 'invalid-transition', from: 'canceled', to: 'canceled' });
    expect((await story.subscribe(user, 'enterprise')).status).toBe(201);
  });

  it('an order that waits for its payment ends it, and its collection', async () => {
    const tenant = await story.addTenant();
    const user = story.world.principal(tenant.id, ['member']);
    const told = toldOf((await story.subscribe(user)).body);
    const stranger = story.world.principal(tenant.id, ['member']);
    expect((await cancel(stranger, told, 'now')).status).toBe(404);
    expect(await cancel(user, told, 'period-end')).toMatchObject({
      status: 200,
      body: { status: 'incomplete_expired', canceledAt: null },
    });
    await eventually(() => expect(story.billing.ended).toEqual([told.invoiceId]));
    expect((await story.subscribe(user)).status).toBe(201);
    const again = await cancel(user, told, 'now');
    expect([again.status, problemOf(again).code]).toEqual([409, 'invalid-transition']);
  });

  it('an unpaid renewal ends its collection as soon as billing is there; what is paid is left alone', async () => {
    const { user, told } = await subscribed();
    story.world.clock.advance({ days: 32 });
    const renewing = await story.untilStatus(user, told.subscriptionId, 'past_due');
    await eventually(async () => expect(await story.eventTypes(told.subscriptionId)).toContain('collection-accepted'));
    await eventually(() => expect(story.billing.requests).toHaveLength(2));
    story.billing.be('down');
    await cancel(user, told, 'now');
    story.billing.be('pending');
    await eventually(() => {
      story.world.clock.advance({ seconds: 30 });
      expect(story.billing.ended).toEqual([toldOf(renewing).invoiceId]);
    });
  });

  it('is written to the audit with who did it', async () => {
    const { user, told } = await subscribed();
    await cancel(user, told, 'now');
    const rows = await story.world.sql<{ principal: string }>(
      "select principal from subscriptions.audit where resource = $1 and action = 'subscription:cancel'",
      [told.subscriptionId],
    );
    expect(rows).toEqual([{ principal: user.id }]);
  });
});
