import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { newId, PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { describe, expect, it } from 'vitest';
import { readPlanFact } from './plan-facts.ts';

const tenantId = newId('ten');
const subscriptionId = newId('sub');
const told = (fact: string, some: Partial<EventEnvelope> = {}, data: object = {}): EventEnvelope => ({
  specversion: '1.0',
  id: newId('evt'),
  source: '/tenantry/subscriptions',
  type: `subscriptions.subscription.${fact}.v1`,
  subject: subscriptionId,
  time: '2026-11-21T09:30:00.000Z',
  datacontenttype: 'application/json',
  tenantid: PLATFORM_TENANT_ID,
  aggregateversion: 3,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  data: { subscriptionId, planId: newId('pln'), subscriberId: tenantId, planSlug: 'pro', ...data },
  ...some,
});

describe('What an event says of a tenant’s plan', () => {
  it.each([
    ['activated', 'pro'],
    ['past-due', 'pro'],
    ['canceled', null],
    ['expired', null],
  ])('%s: %s', (fact, plan) => {
    expect(readPlanFact(told(fact))).toEqual({ tenantId, fact: { subscriptionId, version: 3, plan } });
  });

  it('is the same with fields that nobody knows yet', () => {
    expect(readPlanFact(told('activated', {}, { couponId: 'cpn_x' }))?.fact.plan).toBe('pro');
  });

  it.each([
    ['an order that is not paid yet', told('created')],
    ['a period that ended', told('period-closed')],
    ['another tenant’s subscriber, even one that looks like a tenant', told('activated', { tenantid: newId('ten') })],
    ['a person', told('activated', {}, { subscriberId: newId('usr') })],
    ['nobody', told('activated', { data: null })],
  ])('is nothing of %s', (_, event) => {
    expect(readPlanFact(event)).toBeNull();
  });

  it.each([
    ['its plan', told('activated', {}, { planSlug: undefined })],
    ['a plan that could be one', told('activated', {}, { planSlug: 'pro.>' })],
    ['its subscription', told('activated', { subject: tenantId })],
    ['its version', told('canceled', { aggregateversion: undefined as unknown as number })],
  ])('is an error of one that does not say %s', (_, event) => {
    expect(() => readPlanFact(event)).toThrow(/^The event/);
  });
});
