import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { cancelPayment } from '../contract/payments.ts';
import { BCA, GOPAY, openStory, type Story } from './story.ts';

let story: Story;
beforeAll(async () => {
  story = await openStory();
});
afterAll(() => story.close());

let tenant: TenantRecord;
let customer: Principal;
let staff: Principal;
beforeAll(async () => {
  tenant = await story.world.addTenant();
  customer = story.world.principal(tenant.id, ['member']);
  staff = story.world.principal(tenant.id, ['billing']);
});

describe('While Midtrans is away', { timeout: 90_000 }, () => {
  it('charges wait and callers are told so; that it is back is known before anybody calls, and all are made once', async () => {
    expect(await story.world.readiness('payments')).toMatchObject({ status: 'ready', degradedModes: [] });
    const openAgain = await story.world.suspend('midtrans');
    const waiting = [newId('pay'), newId('pay')];
    for (const id of waiting)
      expect(await story.charge(tenant, customer, BCA, { id })).toMatchObject({
        status: 200,
        body: { id, status: 'processing', instructions: null },
      });
    await eventually(async () => {
      const ready = await story.world.readiness('payments');
      // Ready all the same: others would be no better off.
      expect(ready).toMatchObject({ httpStatus: 200, status: 'degraded' });
      expect(ready.degradedModes).toEqual([expect.stringMatching(/^Charges and refunds wait as intents/)]);
      expect(ready.stateOf('midtrans')).toBe('down');
    });

    await openAgain();
    await eventually(async () => {
      const ready = await story.world.readiness('payments');
      // It serves again; the last minute was not all well, which stays to be seen.
      expect([ready.degradedModes, ready.stateOf('midtrans')]).toEqual([[], expect.stringMatching(/^(degraded|up)$/)]);
    }, 60_000);
    for (const id of waiting) {
      await eventually(async () => {
        story.world.clock.advance({ seconds: 10 });
        expect((await story.read(customer, id)).status).toBe('pending');
      });
      expect(await story.transactions(id)).toHaveLength(1);
    }
  });

  it('a refund waits, too, and what only Midtrans can decide is refused for now', async () => {
    const { id } = await story.settled(tenant, customer, GOPAY);
    const pending = await story.pending(tenant, customer, BCA);
    const openAgain = await story.world.suspend('midtrans');
    expect(await story.refund(staff, id, '50000')).toMatchObject({ status: 201, body: { status: 'processing' } });
    const canceled = await story.world.call(cancelPayment, { params: { paymentId: pending.id } }, staff);
    expect(canceled).toMatchObject({ status: 503, body: { code: 'upstream-unavailable' } });
    expect(Number(canceled.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await story.read(customer, pending.id)).status).toBe('pending');

    await openAgain();
    await eventually(async () => {
      story.world.clock.advance({ seconds: 10 });
      expect((await story.read(customer, id)).status).toBe('partially_refunded');
    });
    const [transaction] = await story.transactions(id);
    expect(transaction?.['refund_amount']).toBe('50000.00');
    await eventually(async () => {
      const again = await story.world.call(cancelPayment, { params: { paymentId: pending.id } }, staff);
      expect(again).toMatchObject({ status: 200, body: { status: 'canceled' } });
    });
  });
});
