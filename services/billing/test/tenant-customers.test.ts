import { type CustomerId, newId, PLATFORM_TENANT_ID, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectInvoice, readInvoice } from '../contract/invoices.ts';
import {
  listTenantInvoices,
  payTenantInvoice,
  readTenantInvoice,
  readTenantInvoicePdf,
} from '../contract/tenant-invoices.ts';
import { rebuildInvoices } from '../use-cases/rebuild-invoices.ts';
import { openBillingDatabases } from './billing-databases.ts';
import { BCA, codeOf, type House, type Household, line, openHouse } from './billing-house.ts';
import { linesOf, readPdf } from './read-pdf.ts';

let house: House;
let home: Household;
let stranger: Household;
beforeAll(async () => {
  house = await openHouse(['users', 'payments', 'billing']);
  [home, stranger] = [await house.household(), await house.household({ country: 'SG', isRegistered: false })];
});
afterAll(() => house.close());

/** As subscriptions asks for it. */
const collect = (customerId: CustomerId, seller: TenantId = PLATFORM_TENANT_ID) =>
  house.world.callAsService(
    'subscriptions',
    collectInvoice,
    {
      params: { invoiceId: newId('inv') },
      body: {
        paymentId: newId('pay'),
        customerId,
        subscriptionId: newId('sub'),
        lines: [line()],
        paymentMethod: BCA,
        purpose: 'renewal',
        orderedAt: house.world.clock.now().toString({ smallestUnit: 'millisecond' }),
      },
    },
    seller,
  );

describe('A tenant that is billed by the platform', () => {
  it('is the buyer on the document, with its tax number, in the language of its country', async () => {
    for (const [{ tenant, staff }, lines] of [
      [home, ['Tenantry | Acme Trading', '| NPWP 0012 3456 7890 1000', 'FAKTUR']],
      [stranger, ['Tenantry | Acme Trading', 'INVOICE']],
    ] as const) {
      const { body } = await collect(tenant.id);
      expect(body.invoice).toMatchObject({ status: 'open', customerId: tenant.id });
      expect(body.payment).toMatchObject({ status: 'pending', customerId: tenant.id });
      const invoiceId = body.invoice.id;
      const pdf = await house.world.call(readTenantInvoicePdf, { params: { invoiceId } }, staff);
      const shown = linesOf(readPdf(pdf.body as unknown as Buffer).pages[0] ?? []).join('\n');
      for (const expected of lines) expect(shown).toContain(expected.replace('| NPWP', 'NPWP'));
    }
  });

  it('sees and pays its own, through people who may, and nobody else’s', async () => {
    const { invoice } = (await collect(home.tenant.id)).body;
    const of = { params: { invoiceId: invoice.id } };
    expect((await house.world.call(readTenantInvoice, of, home.staff)).body.id).toBe(invoice.id);
    const listed = await house.world.call(listTenantInvoices, {}, home.staff);
    expect(listed.body.data.map(({ customerId }) => customerId)).toContain(home.tenant.id);
    const paying = { ...of, body: { paymentMethod: BCA } };
    expect(codeOf(await house.world.call(payTenantInvoice, paying, home.staff))).toBe('payment-under-way');
    for (const endpoint of [readTenantInvoice, readTenantInvoicePdf]) {
      expect((await house.world.call(endpoint, of, stranger.staff)).status).toBe(404);
      expect((await house.world.call(endpoint, of, home.customer)).status).toBe(403);
    }
    expect((await house.world.call(payTenantInvoice, paying, stranger.staff)).status).toBe(404);
    const others = await house.world.call(listTenantInvoices, {}, stranger.staff);
    expect(others.body.data.every(({ customerId }) => customerId === stranger.tenant.id)).toBe(true);
    // It is the platform's invoice, not one of the tenant's own.
    expect((await house.world.call(readInvoice, of, home.staff)).status).toBe(404);
    const operator = house.world.principal(PLATFORM_TENANT_ID, ['operator']);
    expect((await house.world.call(readInvoice, of, operator)).body.customerId).toBe(home.tenant.id);
  });

  it('is there as the directory has it, and is a customer of the platform alone', async () => {
    for (const [customerId, seller] of [
      [newId('ten'), PLATFORM_TENANT_ID],
      [PLATFORM_TENANT_ID, PLATFORM_TENANT_ID],
      [stranger.tenant.id, home.tenant.id],
    ] as const)
      expect(codeOf(await collect(customerId, seller))).toBe('customer-not-found');
  });

  it('is the same after a rebuild', async () => {
    await collect(home.tenant.id);
    const read = () =>
      house.world.sql('select * from billing.invoices where tenant_id = $1 order by id', [uuidOf(PLATFORM_TENANT_ID)]);
    const before = await read();
    await house.world.sql(`update billing.invoices set customer_kind = 'usr' where tenant_id = $1`, [
      uuidOf(PLATFORM_TENANT_ID),
    ]);
    const databases = openBillingDatabases(house);
    try {
      await rebuildInvoices({ databases })(PLATFORM_TENANT_ID);
    } finally {
      await databases.close();
    }
    expect(await read()).toEqual(before);
  });
});
