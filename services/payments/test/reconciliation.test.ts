import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { paymentFailed, paymentReversed } from '../contract/events.ts';
import { BCA, openStory, PERMATA, QRIS, type Story } from './story.ts';

let story: Story;
let tenant: TenantRecord;
let customer: Principal;

beforeAll(async () => {
  story = await openStory();
  tenant = await story.world.addTenant();
  customer = story.world.principal(tenant.id, ['member']);
  story.relay.hold(true); // no notification ever arrives
});
afterEach(() => story.simulate('/faults', undefined, 'DELETE'));
afterAll(() => story.close());

const dueOf = (id: `pay_${string}`) => story.world.sql('select kind from payments.due where id = $1', [uuidOf(id)]);

describe('Without any notification', () => {
  it('a payment that was made is found', async () => {
    const { id } = await story.pending(tenant, customer, BCA);
    await story.simulate('/pay', { orderId: id });
    await story.advance(150);
    await story.becomes(customer, id, 'settled');
    await eventually(async () => expect(await dueOf(id)).toEqual([]));
  });

  it('a payment that was not made expires after its time, and that is told', async () => {
    const { id } = await story.pending(tenant, customer, QRIS);
    await story.advance(15 * 60 + 150);
    await story.becomes(customer, id, 'expired');
    const told = await story.world.heard(paymentFailed, (event) => event.data.paymentId === id);
    expect(told.data.reason).toBe('expired');
    await eventually(async () => expect(await dueOf(id)).toEqual([]));
  });

  it('a payment that the provider leaves pending beyond its expiry is made to expire', async () => {
    const { id } = await story.pending(tenant, customer, QRIS);
    story.world.clock.advance({ minutes: 18 }); // only ours: the provider is late
    await story.becomes(customer, id, 'expired');
    expect(await story.transactions(id)).toMatchObject([{ transaction_status: 'expire' }]);
    await story.simulate('/clock/advance', { seconds: 18 * 60 });
  });

  it('a Permata payment that is taken back within minutes is found, and that is told', async () => {
    const { id } = await story.pending(tenant, customer, PERMATA);
    await story.simulate('/pay', { orderId: id });
    await story.advance(150);
    await story.becomes(customer, id, 'settled');
    await story.simulate('/reverse', { orderId: id });
    await story.advance(660);
    await story.becomes(customer, id, 'reversed');
    const told = await story.world.heard(paymentReversed, (event) => event.data.paymentId === id);
    expect(told.data.cause).toBe('reversal');
  });

  it('the question is asked again when the provider does not answer', async () => {
    const { id } = await story.pending(tenant, customer, BCA);
    await story.simulate('/pay', { orderId: id });
    const match = { orderId: id, method: 'GET' };
    await story.simulate('/faults', { match, times: 3, fault: { kind: 'error', statusCode: '500' } });
    await story.advance(150);
    await eventually(async () => expect((await story.simulate('/faults', undefined, 'GET'))['data']).toEqual([]));
    expect(await story.read(customer, id)).toMatchObject({ status: 'pending' });
    await story.advance(150);
    await story.becomes(customer, id, 'settled');
  });
});
