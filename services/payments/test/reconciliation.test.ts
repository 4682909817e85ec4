import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { paymentFailed, paymentReversed } from '../contract/events.ts';
import { configureProvider } from '../contract/providers.ts';
import { startDatedProxy } from './dated-proxy.ts';
import { BCA, openStory, PERMATA, QRIS, type Story } from './story.ts';

let story: Story;
let proxy: Awaited<ReturnType<typeof startDatedProxy>>;
let tenant: TenantRecord;
let customer: Principal;

beforeAll(async () => {
  proxy = await startDatedProxy();
  story = await openStory({ MIDTRANS_PRODUCTION_URL: proxy.url });
  proxy.passTo(story.world.midtransUrl);
  tenant = await story.world.addTenant();
  customer = story.world.principal(tenant.id, ['member']);
  story.relay.hold(true); // no notification ever arrives
});
afterEach(() => story.simulate('/faults', undefined, 'DELETE'));
afterAll(async () => {
  await story.close();
  await proxy.close();
});

const dueOf = (id: `pay_${string}`) => story.world.sql('select kind from payments.due where id = $1', [uuidOf(id)]);
const dueAtOf = async (id: `pay_${string}`): Promise<number | undefined> => {
  const sql = 'select due_at from payments.due where id = $1';
  return (await story.world.sql<{ due_at: Date }>(sql, [uuidOf(id)]))[0]?.due_at.getTime();
};

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

  it('a payment that the provider leaves pending beyond its expiry is made to expire, by the provider’s clock', async () => {
    const admin = story.world.principal(tenant.id, ['admin']);
    const serverKey = 'SB-Mid-server-behindTheProxy00001';
    const moved = await story.world.addTenant();
    const buyer = story.world.principal(moved.id, ['member']);
    const credentials = { body: { environment: 'production' as const, serverKey } };
    const set = await story.world.call(configureProvider, credentials, { ...admin, tenantId: moved.id });
    expect(set.status).toBe(200);
    const { id } = await story.pending(moved, buyer, QRIS);

    // Only our clock is ahead: what the customer looks at must stay payable.
    story.world.clock.advance({ minutes: 18 });
    await eventually(async () => expect(await dueAtOf(id)).toBeGreaterThan(story.world.clock.now().epochMilliseconds));
    expect(await story.transactions(id)).toMatchObject([{ transaction_status: 'pending' }]);
    expect(await story.read(buyer, id)).toMatchObject({ status: 'pending' });

    proxy.setAhead(24 * 3_600_000);
    story.world.clock.advance({ minutes: 18 });
    await story.becomes(buyer, id, 'expired');
    expect(await story.transactions(id)).toMatchObject([{ transaction_status: 'expire' }]);
    await story.simulate('/clock/advance', { seconds: 36 * 60 });
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

  it('a Permata payment that is taken back while the provider is away is found when it is there again', async () => {
    story.relay.hold(false);
    const { id } = await story.settled(tenant, customer, PERMATA);
    story.relay.hold(true);
    await story.advance(300);
    await story.simulate('/reverse', { orderId: id });
    const match = { orderId: id, method: 'GET' };
    await story.simulate('/faults', { match, times: 3, fault: { kind: 'error', statusCode: '503' } });
    await story.advance(360);
    await eventually(async () => expect((await story.simulate('/faults', undefined, 'GET'))['data']).toEqual([]));
    await story.advance(600);
    await story.becomes(customer, id, 'reversed');
    await eventually(async () => expect(await dueOf(id)).toEqual([]));
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
