import type { Principal } from '@tenantry/auth/principal.ts';
import {
  invoicePaid,
  invoicePaymentReversed,
  invoiceRefunded,
  invoiceVoided,
} from '@tenantry/billing/contract/events.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import {
  type CustomerId,
  type InvoiceId,
  newId,
  type SubscriptionId,
  type TenantId,
  uuidOf,
} from '@tenantry/kernel/id.ts';
import { expect } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openWorld, type World } from '../../../tests/support/world.ts';
import { openDatabasesOf as openStores } from '../../../tests/support/world-databases.ts';
import { consumeEntitlement, readEntitlements } from '../contract/entitlements.ts';
import { listPlans } from '../contract/plans.ts';
import type { SubscriptionStatus } from '../contract/schemas.ts';
import { createSubscription, listSubscriptions, readSubscription } from '../contract/subscriptions.ts';
import type { SubscriptionsTables } from '../store/tables.ts';
import { openBillingStandIn } from './billing-stand-in.ts';

export const BANK_TRANSFER = { type: 'bank_transfer', bank: 'bca' } as const;

/** The subscription service alone, with billing played. */
export async function openSubscriptionsWorld(environment: Readonly<Record<string, string>> = {}) {
  const world = await openWorld({ services: ['subscriptions'], environment });
  const billing = await openBillingStandIn(world);
  const stories = storiesOf(world);
  return {
    ...stories,
    world,
    billing,
    async close(): Promise<void> {
      await world.close();
      await billing.close();
    },
  };
}

/** The service's databases without the service, as another instance of it would open them. */
export const openDatabasesOf = (world: World) => openStores<SubscriptionsTables>(world, 'subscriptions');

export type Told = {
  readonly subscriptionId: SubscriptionId;
  readonly invoiceId: InvoiceId;
  readonly subscriberId: CustomerId;
};

/** What happens in many stories. */
function storiesOf(world: Awaited<ReturnType<typeof openWorld>>) {
  const planId = async (user: Principal, slug: string) => {
    const { body } = await world.call(listPlans, {}, user);
    const plan = body.data.find((candidate) => candidate.slug === slug);
    if (plan === undefined) throw new Error(`no plan ${slug}`);
    return plan.id;
  };
  const read = async (user: Principal, subscriptionId: SubscriptionId) =>
    (await world.call(readSubscription, { params: { subscriptionId } }, user)).body;
  const untilStatus = (user: Principal, subscriptionId: SubscriptionId, status: SubscriptionStatus) =>
    eventually(async () => {
      const body = await read(user, subscriptionId);
      expect(body.status).toBe(status);
      return body;
    });
  const subscribe = async (user: Principal, slug = 'pro', extra: { idempotencyKey?: string } = {}) =>
    world.call(
      createSubscription,
      { body: { planId: await planId(user, slug), paymentMethod: BANK_TRANSFER } },
      user,
      extra,
    );

  const invoiceFact = ({ subscriptionId, invoiceId, subscriberId }: Told) => ({
    invoiceId,
    number: 'ACME-2026-000001',
    customerId: subscriberId,
    subscriptionId,
    total: { amount: '166500', currency: 'IDR' as const },
  });
  const about = (told: Told, version: number, id?: string) => ({
    subject: told.invoiceId,
    version,
    ...(id === undefined ? {} : { id }),
  });
  const paid = (tenantId: TenantId, told: Told, version = 2, id?: string) =>
    world.publish(invoicePaid, tenantId, {
      ...about(told, version, id),
      data: {
        ...invoiceFact(told),
        paymentId: newId('pay'),
        paidAt: world.clock.now().toString({ smallestUnit: 'millisecond' }),
      },
    });
  const voided = (tenantId: TenantId, told: Told, version = 2) =>
    world.publish(invoiceVoided, tenantId, { ...about(told, version), data: invoiceFact(told) });
  const refunded = (tenantId: TenantId, told: Told, version = 3, isFull = true) =>
    world.publish(invoiceRefunded, tenantId, {
      ...about(told, version),
      data: { ...invoiceFact(told), refundId: newId('rfd'), refunded: { amount: '166500', currency: 'IDR' }, isFull },
    });
  const reversed = (tenantId: TenantId, told: Told, version = 3) =>
    world.publish(invoicePaymentReversed, tenantId, {
      ...about(told, version),
      data: { ...invoiceFact(told), paymentId: newId('pay') },
    });

  return {
    planId,
    /** Resolves when the service has heard of it: the push takes a moment, and there is no users to read through to. */
    async addTenant(overrides: Partial<TenantRecord> = {}): Promise<TenantRecord> {
      const tenant = await world.addTenant(overrides);
      const somebody = world.principal(tenant.id, ['member']);
      await eventually(async () => expect((await world.call(listPlans, {}, somebody)).status).toBe(200));
      return tenant;
    },
    read,
    untilStatus,
    subscribe,
    paid,
    voided,
    refunded,
    reversed,
    /** Subscribed, paid and active. */
    async activate(tenant: TenantRecord, user: Principal, slug = 'pro'): Promise<Told> {
      const { status, body } = await subscribe(user, slug);
      expect(status).toBe(201);
      const told = toldOf(body);
      await paid(tenant.id, told);
      await untilStatus(user, told.subscriptionId, 'active');
      return told;
    },
    /** What its stream says has happened. */
    async eventTypes(id: SubscriptionId): Promise<readonly string[]> {
      const rows = await world.sql<{ type: string }>(
        'select type from subscriptions.events where stream_id = $1 order by version',
        [uuidOf(id)],
      );
      return rows.map(({ type }) => type);
    },
    /** The subscription of an order that was not answered. */
    async newestOf(user: Principal): Promise<{ readonly id: SubscriptionId; readonly invoiceUuid: string }> {
      const { body } = await world.call(listSubscriptions, {}, user);
      const [newest] = body.data;
      if (newest === undefined) throw new Error('There is none.');
      return { id: newest.id, invoiceUuid: uuidOf(toldOf(newest).invoiceId) };
    },
    consume: (user: Principal, amount = 1, extra: { idempotencyKey?: string } = {}) =>
      world.call(consumeEntitlement, { params: { feature: 'api-calls' }, body: { amount } }, user, extra),
    entitlements: async (user: Principal) => (await world.call(readEntitlements, {}, user)).body,
  };
}

export function toldOf(body: {
  readonly id: SubscriptionId;
  readonly latestInvoiceId: InvoiceId | null;
  readonly subscriberId: CustomerId;
}): Told {
  if (body.latestInvoiceId === null) throw new Error('There is no invoice.');
  return { subscriptionId: body.id, invoiceId: body.latestInvoiceId, subscriberId: body.subscriberId };
}

/** A refusal, as it is shown. */
export const problemOf = (answer: { readonly body: unknown }): Record<string, unknown> =>
  answer.body as Record<string, unknown>;
