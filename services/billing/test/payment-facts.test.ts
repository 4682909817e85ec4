import type { InvoiceId, PaymentId, RefundId, TenantId, UserId } from '@tenantry/kernel/id.ts';
import { newId, uuidOf } from '@tenantry/kernel/id.ts';
import { paymentFailed, paymentRefunded, paymentReversed, paymentSettled } from '@tenantry/payments/contract/events.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { voidInvoice } from '../contract/invoices.ts';
import type { InvoiceViewBody } from '../contract/schemas.ts';
import { type House, type Household, openHouse } from './billing-house.ts';

let house: House;
let home: Household;
beforeAll(async () => {
  house = await openHouse();
  home = await house.household();
});
afterAll(() => house.close());

const rupiah = (amount: bigint) => ({ amount: amount.toString(), currency: 'IDR' as const });
const TOTAL = 166_500n;
const SETTLED_AT = '2026-11-21T09:30:00.000Z';

type Told = {
  readonly kind: 'settled' | 'failed' | 'reversed' | 'refunded';
  readonly refund?: readonly [RefundId, bigint];
};

/** Says that something happened to a payment of this invoice, under an event id of its own or a repeated one. */
function tell(
  invoice: Pick<InvoiceViewBody, 'id' | 'customerId'>,
  paymentId: PaymentId,
  told: Told,
  options: { readonly id?: string; readonly tenantId?: TenantId; readonly amount?: bigint } = {},
) {
  const { tenantId = home.tenant.id, amount = TOTAL } = options;
  const fact = { paymentId, invoiceId: invoice.id, customerId: invoice.customerId, amount: rupiah(amount) };
  const at = { subject: paymentId, version: 1, ...(options.id === undefined ? {} : { id: options.id }) };
  const { world } = house;
  switch (told.kind) {
    case 'settled':
      return world.publish(paymentSettled, tenantId, { ...at, data: { ...fact, settledAt: SETTLED_AT } });
    case 'failed':
      return world.publish(paymentFailed, tenantId, { ...at, data: { ...fact, reason: 'expired' } });
    case 'reversed':
      return world.publish(paymentReversed, tenantId, { ...at, data: { ...fact, cause: 'chargeback' } });
    case 'refunded': {
      const [refundId, part] = told.refund ?? [newId('rfd'), amount];
      const data = { ...fact, amount: rupiah(part), refundId, refundedTotal: rupiah(part), isFull: part === amount };
      return world.publish(paymentRefunded, tenantId, { ...at, data });
    }
  }
}

/** All that was published has been taken in: the last event's id stands in the inbox. */
async function handled(eventIds: readonly string[]): Promise<void> {
  await eventually(async () => {
    const rows = await house.world.sql('select 1 from billing.inbox where event_id = any($1)', [
      eventIds.map((id) => uuidOf(id as `evt_${string}`)),
    ]);
    expect(rows).toHaveLength(eventIds.length);
  });
}

async function tellAll(
  invoice: InvoiceViewBody,
  paymentId: PaymentId,
  facts: readonly Told[],
  home_ = home,
): Promise<void> {
  const ids: string[] = [];
  for (const fact of facts) ids.push((await tell(invoice, paymentId, fact, { tenantId: home_.tenant.id })).id);
  await handled(ids);
}

const essence = ({ status, amountPaid, amountRefunded, amountCredited, paidAt }: InvoiceViewBody) => ({
  status,
  amountPaid: amountPaid.amount,
  amountRefunded: amountRefunded.amount,
  amountCredited: amountCredited.amount,
  paidAt,
});

async function declareVoid(invoiceId: InvoiceId, at = home): Promise<void> {
  expect((await house.world.call(voidInvoice, { params: { invoiceId } }, at.staff)).status).toBe(200);
}

describe('What payments tells', () => {
  it('counts once, however often it is delivered or told', async () => {
    const alone = await house.household();
    const invoice = await house.open(alone);
    const paymentId = newId('pay');
    const id = newId('evt');
    for (let times = 0; times < 3; times++) {
      await tell(invoice, paymentId, { kind: 'settled' }, { id, tenantId: alone.tenant.id });
    }
    await tellAll(invoice, paymentId, [{ kind: 'settled' }, { kind: 'settled' }], alone);
    expect(await house.events(invoice.id)).toEqual(['invoice-drafted', 'invoice-finalized', 'invoice-paid']);
    expect(await house.balances(alone)).toMatchObject({ 'cash-clearing': '166500' });
  });

  it.each<[string, readonly Told['kind'][]]>([
    ['settled, refunded', ['settled', 'refunded']],
    ['refunded, settled', ['refunded', 'settled']],
    ['settled, refunded, reversed', ['settled', 'refunded', 'reversed']],
    ['settled, reversed, refunded', ['settled', 'reversed', 'refunded']],
    ['refunded, settled, reversed', ['refunded', 'settled', 'reversed']],
    ['refunded, reversed, settled', ['refunded', 'reversed', 'settled']],
    ['reversed, settled, refunded', ['reversed', 'settled', 'refunded']],
    ['reversed, refunded, settled', ['reversed', 'refunded', 'settled']],
  ])('leads to the same end in the order %s', async (_, kinds) => {
    const alone = await house.household();
    const invoice = await house.open(alone);
    const refund = [newId('rfd'), 66_500n] as const;
    const facts = kinds.map((kind): Told => (kind === 'refunded' ? { kind, refund } : { kind }));
    await tellAll(invoice, newId('pay'), [...facts, ...facts], alone);
    const isReversed = kinds.includes('reversed');
    expect(essence(await house.read(alone.staff, invoice.id))).toEqual({
      status: isReversed ? 'open' : 'paid',
      amountPaid: isReversed ? '66500' : '166500',
      amountRefunded: '66500',
      amountCredited: '0',
      paidAt: isReversed ? null : SETTLED_AT,
    });
    expect(await house.balances(alone)).toEqual({
      ...(isReversed ? { 'accounts-receivable': '100000' } : { 'cash-clearing': '100000' }),
      refunds: '66500',
      revenue: '150000',
      'vat-payable': '16500',
    });
    expect(await house.prove(alone)).toMatchObject({ balanced: true, agreesWithDocuments: true });
  });

  it('about money that comes too late is not lost: it is owed back to the customer', async () => {
    const alone = await house.household();
    const invoice = await house.open(alone);
    await declareVoid(invoice.id, alone);
    const paymentId = newId('pay');
    await tellAll(invoice, paymentId, [{ kind: 'settled' }], alone);
    expect(await house.read(alone.staff, invoice.id)).toMatchObject({
      status: 'void',
      number: invoice.number,
      amountPaid: rupiah(0n),
      amountCredited: rupiah(TOTAL),
    });
    expect(await house.balances(alone)).toEqual({ 'cash-clearing': '166500', 'customer-credit': '166500' });
    await tellAll(invoice, paymentId, [{ kind: 'refunded' }], alone);
    expect(await house.balances(alone)).toEqual({});
    expect(await house.prove(alone)).toMatchObject({ balanced: true, agreesWithDocuments: true, entries: 4 });
  });

  it('in another tenant’s name reaches nobody’s invoice, and somebody sees that it was told', async () => {
    const [invoice, stranger] = [await house.open(home), await house.household()];
    const { id } = await tell(invoice, newId('pay'), { kind: 'settled' }, { tenantId: stranger.tenant.id });
    await eventually(async () => {
      const rows = await house.world.sql<{ cause: string }>(
        `select cause from billing.dead_letters where tenant_id = $1 and event ->> 'id' = $2`,
        [uuidOf(stranger.tenant.id), id],
      );
      expect(rows).toHaveLength(1);
    });
    expect((await house.read(home.staff, invoice.id)).status).toBe('open');
    expect(await house.balances(stranger)).toEqual({});
  });

  it('keeps the books balanced and in agreement with the documents, whatever happens', async () => {
    const step = fc.record({
      invoice: fc.nat(2),
      payment: fc.nat(1),
      kind: fc.constantFrom('settled', 'failed', 'reversed', 'refunded', 'void'),
      part: fc.integer({ min: 1, max: 80_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 15 }), async (steps) => {
        const alone = await house.household();
        const invoices = [await house.open(alone), await house.open(alone), await house.open(alone)];
        const payments = invoices.map(() => [newId('pay'), newId('pay')] as const);
        const ids: string[] = [];
        for (const { invoice: index, payment, kind, part } of steps) {
          const invoice = invoices[index] as InvoiceViewBody;
          const paymentId = payments[index]?.[payment as 0 | 1] as PaymentId;
          if (kind === 'void') {
            const answer = await house.world.call(voidInvoice, { params: { invoiceId: invoice.id } }, alone.staff);
            expect([200, 409]).toContain(answer.status);
            continue;
          }
          const told: Told = kind === 'refunded' ? { kind, refund: [newId('rfd'), BigInt(part)] } : { kind };
          ids.push((await tell(invoice, paymentId, told, { tenantId: alone.tenant.id })).id);
        }
        await handled(ids);
        const proof = await house.prove(alone);
        expect(proof).toMatchObject({ balanced: true, agreesWithDocuments: true, documents: 3, differences: [] });
      }),
      { numRuns: 8 },
    );
  });
});

describe('A customer', () => {
  it('is an id in every event, and nothing else', async () => {
    const invoice = await house.open(home);
    const rows = await house.world.sql<{ text: string }>(
      `select (select string_agg(e::text, ' ') from billing.events e) || (select coalesce(string_agg(o::text, ' '), '')
         from billing.outbox o) || (select string_agg(a::text, ' ') from billing.audit a) as text`,
    );
    expect(rows[0]?.text).toContain(uuidOf(invoice.id));
    expect(rows[0]?.text).not.toMatch(/acme\.example|budi/i);
    expect(home.customer.id as UserId).toBe(invoice.customerId);
  });
});
