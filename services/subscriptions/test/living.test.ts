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

  it('is refused while the first payment is awaited', async () => {
    const tenant = await story.addTenant();
    const user = story.world.principal(tenant.id, ['member']);
    const told = toldOf((await story.subscribe(user)).body);
    const answer = await cancel(user, told, 'now');
    expect(answer.status).toBe(409);
    expect(problemOf(answer)).toMatchObject({ code: 'invalid-transition', from: 'incomplete', to: 'canceled' });
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
