import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paymentSettled } from '../contract/events.ts';
import { chargePayment, listPayments, readPayment } from '../contract/payments.ts';
import type { PaymentMethod } from '../contract/schemas.ts';
import { BCA, GOPAY, openStory, type ProblemBody, QRIS, type Story } from './story.ts';

let story: Story;
let tenant: TenantRecord;
let customer: Principal;

beforeAll(async () => {
  story = await openStory();
  tenant = await story.world.addTenant();
  customer = story.world.principal(tenant.id, ['member']);
});
afterAll(() => story.close());

describe('A charge', () => {
  it.each(['bca', 'bni', 'bri', 'permata'] as const)(
    'by transfer to %s names an account, and settles when paid',
    async (bank) => {
      const { body: payment } = await story.charge(tenant, customer, { type: 'bank_transfer', bank });
      expect(payment).toMatchObject({
        status: 'pending',
        amount: { amount: '150000', currency: 'IDR' },
        refundedAmount: { amount: '0', currency: 'IDR' },
        instructions: { bank, vaNumber: expect.stringMatching(/^\d{8,}$/) },
        customerId: customer.id,
        settledAt: null,
      });
      expect(Date.parse(payment.expiresAt ?? '') - Date.parse(payment.createdAt)).toBeGreaterThan(23 * 3_600_000);

      const { vaNumber } = payment.instructions as { vaNumber: string };
      await story.simulate('/pay', { vaNumber });
      const paid = await story.becomes(customer, payment.id, 'settled');
      expect(paid.settledAt).not.toBeNull();
      const told = await story.world.heard(paymentSettled, (event) => event.data.paymentId === payment.id);
      expect(told).toMatchObject({
        tenantid: tenant.id,
        subject: payment.id,
        data: {
          invoiceId: payment.invoiceId,
          customerId: customer.id,
          amount: payment.amount,
          settledAt: paid.settledAt,
        },
      });
    },
  );

  it('by QRIS shows a code, and by GoPay a link', async () => {
    const qris = await story.pending(tenant, customer, QRIS);
    expect(qris.instructions).toEqual({
      qrString: expect.stringMatching(/^000201/),
      qrImageUrl: expect.stringContaining('/qr-code'),
    });
    const gopay = await story.pending(tenant, customer, GOPAY);
    expect(gopay.instructions).toEqual({
      deeplinkUrl: expect.stringContaining('/gopay/'),
      qrImageUrl: expect.stringContaining('/qr-code'),
    });
    for (const { id } of [qris, gopay]) {
      await story.simulate('/pay', { orderId: id });
      await story.becomes(customer, id, 'settled');
      // A notification may be faster than the answer to the charge, and knows no code: then there are two registrations.
      const events = (await story.events(id)).filter((type) => type !== 'payment-registered');
      expect(events).toEqual(['payment-requested', 'payment-settled']);
    }
  });

  it('is one payment, however often and however closely together it is asked for', async () => {
    const options = { id: newId('pay'), invoiceId: newId('inv') };
    const answers = await Promise.all(Array.from({ length: 5 }, () => story.charge(tenant, customer, BCA, options)));
    const again = await story.charge(tenant, customer, BCA, options);
    expect(again.body).toMatchObject({ status: 'pending', instructions: { bank: 'bca' } });
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { id: options.id } });
    expect(await story.transactions(options.id)).toHaveLength(1);
    expect(await story.audited(options.id)).toEqual(['payment:charge']);
  });

  it('with other terms under the same id is a conflict', async () => {
    const options = { id: newId('pay'), invoiceId: newId('inv') };
    await story.charge(tenant, customer, BCA, options);
    for (const [method, amount] of [
      [BCA, '150001'],
      [QRIS, '150000'],
    ] as const) {
      const answer = await story.charge(tenant, customer, method as PaymentMethod, { ...options, amount });
      expect(answer).toMatchObject({ status: 409, body: { code: 'conflict' } });
    }
  });

  it('that the provider does not take is refused for good, and a repeat hears the same', async () => {
    const options = { id: newId('pay'), invoiceId: newId('inv'), amount: '10000001' }; // QRIS takes ten million
    for (let i = 0; i < 2; i++) {
      const answer = await story.charge(tenant, customer, QRIS, options);
      expect(answer).toMatchObject({ status: 422, body: { code: 'payment-method-refused' } });
    }
    expect(await story.read(customer, options.id)).toMatchObject({ status: 'denied', instructions: null });
    expect(await story.transactions(options.id)).toHaveLength(0);
  });

  it('is for services only, and for rupiah', async () => {
    const answer = await story.charge(tenant, customer, BCA, { amount: '0' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
    const body = { invoiceId: newId('inv'), customerId: newId('usr'), method: BCA, description: 'x' };
    const dollars = { ...body, amount: { amount: '10.00', currency: 'USD' as const } };
    const params = { paymentId: newId('pay') };
    const asService = await story.world.callAsService('billing', chargePayment, { params, body: dollars }, tenant.id);
    expect(asService).toMatchObject({ status: 422, body: { code: 'payment-method-refused' } });
    const admin = story.world.principal(tenant.id, ['admin']);
    const rupiah = { ...body, amount: { amount: '10000', currency: 'IDR' as const } };
    expect((await story.world.call(chargePayment, { params, body: rupiah }, admin)).status).toBe(404);
  });
});

describe('Who sees a payment', () => {
  it('its customer and who may see the tenant’s, nobody else, and for them it does not exist', async () => {
    const { id } = await story.pending(tenant, customer, BCA);
    const read = (principal: Principal | null) =>
      story.world.call(readPayment, { params: { paymentId: id } }, principal);
    expect((await read(customer)).status).toBe(200);
    expect((await read(story.world.principal(tenant.id, ['billing']))).status).toBe(200);
    expect((await read(null)).status).toBe(401);
    const other = await story.world.addTenant();
    const strangers = [story.world.principal(tenant.id, ['member']), story.world.principal(other.id, ['owner'])];
    const missing = await story.world.call(readPayment, { params: { paymentId: newId('pay') } }, customer);
    for (const stranger of strangers) {
      const answer = await read(stranger);
      expect(answer.status).toBe(404);
      const { code } = answer.body as unknown as ProblemBody;
      expect(code).toBe((missing.body as unknown as ProblemBody).code);
    }
  });

  it('lists them newest first, page by page, each in reach', async () => {
    const shop = await story.world.addTenant();
    const buyers = [story.world.principal(shop.id, ['member']), story.world.principal(shop.id, ['member'])];
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      const buyer = buyers[i % 2];
      if (buyer !== undefined) made.push((await story.pending(shop, buyer, BCA)).id);
    }
    const list = async (principal: Principal, limit: number): Promise<string[][]> => {
      const pages: string[][] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = cursor === null ? { limit } : { limit, cursor };
        const { body } = await story.world.call(listPayments, { query }, principal);
        pages.push(body.data.map(({ id }) => id));
        cursor = body.nextCursor;
      } while (cursor !== null);
      return pages;
    };
    const newest = made.toReversed();
    expect(await list(story.world.principal(shop.id, ['admin']), 2)).toEqual([
      newest.slice(0, 2),
      newest.slice(2, 4),
      newest.slice(4),
    ]);
    expect(await list(buyers[0] as Principal, 50)).toEqual([[newest[0], newest[2], newest[4]]]);
  });
});
