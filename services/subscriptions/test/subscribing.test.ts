import { newId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { subscriptionActivated, subscriptionCreated, subscriptionExpired } from '../contract/events.ts';
import { createSubscription } from '../contract/subscriptions.ts';
import { BANK_TRANSFER, openSubscriptionsWorld, problemOf, toldOf } from './subscriptions-world.ts';

let story: Awaited<ReturnType<typeof openSubscriptionsWorld>>;
beforeAll(async () => {
  story = await openSubscriptionsWorld();
});
afterAll(() => story?.close());
beforeEach(() => story.billing.be('pending'));

const newcomer = async () => {
  const tenant = await story.addTenant();
  return { tenant, user: story.world.principal(tenant.id, ['member']) };
};

describe('Subscribing to Pro', () => {
  it('answers with the payment to make, and waits for it', async () => {
    const { user } = await newcomer();
    const { status, body } = await story.subscribe(user);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: 'incomplete',
      planSlug: 'pro',
      subscriberId: user.id,
      price: { amount: '150000', currency: 'IDR' },
      interval: 'month',
      currentPeriod: null,
      payment: { status: 'pending', instructions: { bank: 'bca', vaNumber: '8808123456' } },
    });
    expect(body.payment?.invoiceId).toBe(body.latestInvoiceId);
    const created = await story.world.heard(subscriptionCreated, (event) => event.data.subscriptionId === body.id);
    expect(created.data.invoiceId).toBe(body.latestInvoiceId);
    expect(await story.entitlements(user)).toMatchObject({ planSlug: 'free' });
  });

  it('asks billing for the plan’s price, as the subscriber, under the ids it answers with', async () => {
    const { user } = await newcomer();
    const { body } = await story.subscribe(user);
    const request = story.billing.requests.find(({ invoiceId }) => invoiceId === body.latestInvoiceId);
    expect(request?.body).toMatchObject({
      paymentId: body.payment?.id,
      customerId: user.id,
      subscriptionId: body.id,
      lines: [{ quantity: 1, unitPrice: { amount: '150000', currency: 'IDR' } }],
      paymentMethod: BANK_TRANSFER,
      purpose: 'order',
    });
  });

  it('is active as soon as its invoice is paid, also when that is told twice', async () => {
    const { tenant, user } = await newcomer();
    const told = toldOf((await story.subscribe(user)).body);
    const { id } = await story.paid(tenant.id, told, 2);
    await story.paid(tenant.id, told, 2, id);
    await story.paid(tenant.id, told, 2); // another event with the same contents
    const body = await story.untilStatus(user, told.subscriptionId, 'active');
    const start = Temporal.Instant.from(body.currentPeriod?.start ?? '').toZonedDateTimeISO('Asia/Jakarta');
    expect(body.currentPeriod?.end).toBe(
      start.add({ months: 1 }).toInstant().toString({ smallestUnit: 'millisecond' }),
    );
    const activated = await story.world.heard(
      subscriptionActivated,
      (event) => event.data.subscriptionId === told.subscriptionId,
    );
    expect(activated.data).toMatchObject({ subscriberId: user.id, planSlug: 'pro' });
    expect(await story.entitlements(user)).toMatchObject({
      planSlug: 'pro',
      usage: [{ feature: 'api-calls', limit: 1_000, used: 0, remaining: 1_000, resetsAt: body.currentPeriod?.end }],
    });
    await story.reversed(tenant.id, told, 3); // handled after the doubled ones: an invoice's events keep their order
    await story.untilStatus(user, told.subscriptionId, 'past_due');
    expect(await story.eventTypes(told.subscriptionId)).toEqual([
      'created',
      'collection-accepted',
      'activated',
      'payment-reversed',
    ]);
  });

  it('passes on that the provider has not said yet what becomes of the payment', async () => {
    const { user } = await newcomer();
    story.billing.be('processing');
    const { status, body } = await story.subscribe(user);
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: 'incomplete', payment: { status: 'processing', instructions: null } });
  });

  it('expires when its payment fails for good, and another one may follow', async () => {
    const { tenant, user } = await newcomer();
    const told = toldOf((await story.subscribe(user)).body);
    await story.voided(tenant.id, told);
    await story.untilStatus(user, told.subscriptionId, 'incomplete_expired');
    await story.world.heard(subscriptionExpired, (event) => event.data.subscriptionId === told.subscriptionId);
    expect((await story.subscribe(user)).status).toBe(201);
  });

  it('is not activated by a payment that was refunded, whichever is heard first', async () => {
    const { tenant, user } = await newcomer();
    const told = toldOf((await story.subscribe(user)).body);
    await story.refunded(tenant.id, told, 3);
    await story.paid(tenant.id, told, 2);
    await story.untilStatus(user, told.subscriptionId, 'incomplete_expired');
    const another = toldOf((await story.subscribe(user)).body);
    await story.paid(tenant.id, another);
    await story.untilStatus(user, another.subscriptionId, 'active');
    expect((await story.read(user, told.subscriptionId)).status).toBe('incomplete_expired');
  });

  it('ends with the provider’s refusal, which is passed on, and another way to pay may be tried', async () => {
    const { user } = await newcomer();
    story.billing.be('refuses');
    const refused = await story.subscribe(user, 'pro', { idempotencyKey: 'refused' });
    expect(refused.status).toBe(422);
    expect(problemOf(refused)).toMatchObject({ code: 'payment-method-refused', detail: 'Try another bank.' });
    story.billing.be('pending');
    const repeated = await story.subscribe(user, 'pro', { idempotencyKey: 'refused' });
    expect(repeated.status).toBe(422);
    expect(repeated.headers.get('idempotency-replayed')).toBe('true');
    expect((await story.subscribe(user)).status).toBe(201);
  });
});

describe('While billing is away', () => {
  it('the order is kept and answered with 503, and the same key resumes it', async () => {
    const { tenant, user } = await newcomer();
    story.billing.be('down');
    const away = await story.subscribe(user, 'pro', { idempotencyKey: 'patience' });
    expect(away.status).toBe(503);
    expect(problemOf(away)).toMatchObject({ code: 'upstream-unavailable' });
    expect(Number(away.headers.get('retry-after'))).toBeGreaterThan(0);

    const other = await story.subscribe(user, 'pro');
    expect(other.status).toBe(409);
    expect(problemOf(other)).toMatchObject({
      code: 'already-subscribed',
      status: 409,
      subscriptionStatus: 'incomplete',
    });

    story.billing.be('pending');
    const resumed = await story.subscribe(user, 'pro', { idempotencyKey: 'patience' });
    expect(resumed.status).toBe(201);
    expect(resumed.body).toMatchObject({ status: 'incomplete', payment: { status: 'pending' } });
    expect(problemOf(other).detail).toContain(resumed.body.id);
    await story.paid(tenant.id, toldOf(resumed.body));
    await story.untilStatus(user, resumed.body.id, 'active');
    expect(story.billing.contradictions).toEqual([]);
  });

  it('the due row asks for the payment by itself once billing is back', async () => {
    const { user } = await newcomer();
    story.billing.be('down');
    expect((await story.subscribe(user)).status).toBe(503);
    const { id, invoiceUuid } = await story.newestOf(user);
    story.billing.be('pending');
    story.world.clock.advance({ seconds: 20 });
    await eventually(async () => expect(await story.eventTypes(id)).toEqual(['created', 'collection-accepted']));
    await eventually(async () => {
      const due = await story.world.sql('select 1 from subscriptions.due where id = $1', [invoiceUuid]);
      expect(due).toEqual([]);
    });
  });

  it('for a whole day, the order is given up', async () => {
    const { user } = await newcomer();
    story.billing.be('down');
    expect((await story.subscribe(user)).status).toBe(503);
    const { id } = await story.newestOf(user);
    story.world.clock.advance({ hours: 24 });
    await story.untilStatus(user, id, 'incomplete_expired');
  });
});

describe('An order whose events are lost', () => {
  /** The story's clock only goes forward, so other orders of this file grow old with it. */
  const later = (by: Temporal.DurationLike): void => story.world.clock.advance(by);

  it('is active once billing is asked and says that it is paid', async () => {
    const { user } = await newcomer();
    const told = toldOf((await story.subscribe(user)).body);
    story.billing.know(told.invoiceId, { status: 'paid' });
    later({ minutes: 11 });
    await story.untilStatus(user, told.subscriptionId, 'active');
  });

  it('has expired once billing is asked and says that it is void', async () => {
    const { user } = await newcomer();
    const told = toldOf((await story.subscribe(user)).body);
    story.billing.know(told.invoiceId, { status: 'void' });
    later({ minutes: 11 });
    await story.untilStatus(user, told.subscriptionId, 'incomplete_expired');
  });

  it('does not wait for ever: after a week it ends, and so does its collection', async () => {
    const { user, tenant } = await newcomer();
    const told = toldOf((await story.subscribe(user)).body);
    // Told out of order: of the payment only that it was taken back was heard.
    await story.reversed(tenant.id, told, 5);
    await eventually(async () => expect(await story.eventTypes(told.subscriptionId)).toContain('invoice-noted'));
    later({ days: 6 });
    await eventually(async () => {
      const kind = "kind = 'subscription:follow-order'";
      const due = await story.world.sql<{ due_at: Date }>(
        `select due_at from subscriptions.due where ${kind} and id = $1`,
        [uuidOf(told.subscriptionId)],
      );
      expect(due[0]?.due_at.getTime()).toBeGreaterThan(story.world.clock.now().epochMilliseconds);
    });
    expect((await story.read(user, told.subscriptionId)).status).toBe('incomplete');
    later({ days: 1 });
    await story.untilStatus(user, told.subscriptionId, 'incomplete_expired');
    expect(story.billing.ended).toContain(told.invoiceId);
    expect((await story.subscribe(user)).status).toBe(201);
  });
});

describe('One subscription per subscriber', () => {
  it('of two requests at the same instant one wins', async () => {
    const { user } = await newcomer();
    const planId = await story.planId(user, 'pro');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        story.world.call(createSubscription, { body: { planId, paymentMethod: BANK_TRANSFER } }, user),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array.from({ length: 7 }, () => 409)]);
    const winner = answers.find(({ status }) => status === 201);
    for (const loser of answers.filter(({ status }) => status === 409)) {
      expect(problemOf(loser)).toMatchObject({ code: 'already-subscribed', subscriptionId: winner?.body.id });
    }
  });

  it('the same idempotency key answers with the same subscription and payment', async () => {
    const { user } = await newcomer();
    const first = await story.subscribe(user, 'pro', { idempotencyKey: 'once' });
    const second = await story.subscribe(user, 'pro', { idempotencyKey: 'once' });
    expect(second.status).toBe(201);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(second.body).toEqual(first.body);
    const reused = await story.subscribe(user, 'enterprise', { idempotencyKey: 'once' });
    expect(reused.status).toBe(422);
    expect(problemOf(reused)).toMatchObject({ code: 'idempotency-key-reused' });
  });

  it('people of one tenant have one each', async () => {
    const { tenant, user } = await newcomer();
    const other = story.world.principal(tenant.id, ['member']);
    const answers = await Promise.all([story.subscribe(user), story.subscribe(other)]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  });
});

describe('An order that cannot be', () => {
  it('without a way to pay names the field', async () => {
    const { user } = await newcomer();
    const planId = await story.planId(user, 'pro');
    const answer = await story.world.call(createSubscription, { body: { planId } }, user);
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ code: 'validation-failed', errors: [{ path: '/paymentMethod' }] });
  });

  it('for an interval that the plan is not sold by names the field', async () => {
    const { user } = await newcomer();
    const planId = await story.planId(user, 'free');
    const answer = await story.world.call(createSubscription, { body: { planId, interval: 'year' } }, user);
    expect(answer.status).toBe(400);
    expect(problemOf(answer)).toMatchObject({ errors: [{ path: '/interval' }] });
  });

  it('for a plan of another tenant, or of nobody, is 404', async () => {
    const { user } = await newcomer();
    const elsewhere = await newcomer();
    const theirs = await story.planId(elsewhere.user, 'pro');
    for (const planId of [theirs, newId('pln')]) {
      const body = { planId, paymentMethod: BANK_TRANSFER };
      const answer = await story.world.call(createSubscription, { body }, user);
      expect(answer.status).toBe(404);
      expect(problemOf(answer)).toMatchObject({ code: 'not-found' });
    }
  });

  it('without a passport is 401', async () => {
    const { user } = await newcomer();
    const planId = await story.planId(user, 'pro');
    const answer = await story.world.call(createSubscription, { body: { planId } }, null);
    expect(answer.status).toBe(401);
  });
});

describe('A plan that costs nothing', () => {
  it('is active at once, without a payment', async () => {
    const { user } = await newcomer();
    const { status, body } = await story.subscribe(user, 'free');
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: 'active', latestInvoiceId: null, payment: null });
    expect(body.currentPeriod).not.toBeNull();
    await story.world.heard(subscriptionActivated, (event) => event.data.subscriptionId === body.id);
  });
});

describe('A year of Pro', () => {
  it('costs ten months and lasts a year', async () => {
    const { tenant, user } = await newcomer();
    const planId = await story.planId(user, 'pro');
    const body = { planId, interval: 'year' as const, paymentMethod: BANK_TRANSFER };
    const created = await story.world.call(createSubscription, { body }, user);
    expect(created.body).toMatchObject({ interval: 'year', price: { amount: '1500000', currency: 'IDR' } });
    await story.paid(tenant.id, toldOf(created.body));
    const { currentPeriod } = await story.untilStatus(user, created.body.id, 'active');
    const start = Temporal.Instant.from(currentPeriod?.start ?? '').toZonedDateTimeISO('Asia/Jakarta');
    expect(currentPeriod?.end).toBe(start.add({ years: 1 }).toInstant().toString({ smallestUnit: 'millisecond' }));
  });
});
