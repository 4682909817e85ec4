import { canonicalJson } from '@tenantry/kernel/canonical-json.ts';
import { idFromUuid, newId, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import {
  createInvoice,
  finalizeInvoice,
  listInvoices,
  payInvoice,
  readInvoice,
  readInvoicePdf,
  voidInvoice,
} from '../contract/invoices.ts';
import { erasePerson } from '../contract/persons.ts';
import type { InvoiceViewBody } from '../contract/schemas.ts';
import { projectInvoice } from '../store/invoice-row.ts';
import { loadInvoice } from '../store/invoices.ts';
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

const newInvoice = (lines = [line()], at = home) => ({ body: { customerId: at.customer.id as UserId, lines } });
const of = (invoice: Pick<InvoiceViewBody, 'id'>) => ({ params: { invoiceId: invoice.id } });
const paying = (invoice: InvoiceViewBody) => ({ ...of(invoice), body: { paymentMethod: BCA } });

describe('An invoice made by hand', () => {
  it('is drafted, finalised and declared void, each once per idempotency key', async () => {
    const draft = await house.world.call(createInvoice, newInvoice(), home.staff, { idempotencyKey: 'draft-1' });
    const again = await house.world.call(createInvoice, newInvoice(), home.staff, { idempotencyKey: 'draft-1' });
    expect(again.body).toEqual(draft.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');

    const opened = await house.finalize(home, draft.body.id, { idempotencyKey: 'finalize-1' });
    expect(opened.body).toMatchObject({ status: 'open', total: { amount: '166500' } });
    expect((await house.finalize(home, draft.body.id, { idempotencyKey: 'finalize-1' })).body).toEqual(opened.body);
    expect(codeOf(await house.finalize(home, draft.body.id))).toBe('invalid-transition');

    const voided = await house.world.call(voidInvoice, of(draft.body), home.staff);
    expect(voided.body).toMatchObject({ status: 'void', number: opened.body.number });
    const twice = await house.world.call(voidInvoice, of(draft.body), home.staff);
    expect([twice.status, codeOf(twice)]).toEqual([409, 'invalid-transition']);
    expect(twice.body).toMatchObject({ from: 'void', to: 'void' });
  });

  it('survives a process that dies between committing and answering', async () => {
    const draft = await house.draft(home);
    const first = await house.finalize(home, draft.id, { idempotencyKey: 'finalize-2' });
    // As if the answer had never been written down: the key is free again, its resource id stays.
    await house.world.sql(
      `update billing.idempotency_keys set status = null, response = null, leased_until = leased_until - interval '1 day'
       where key = 'finalize-2'`,
    );
    const repeat = await house.finalize(home, draft.id, { idempotencyKey: 'finalize-2' });
    expect(repeat.status).toBe(200);
    expect(repeat.headers.get('idempotency-replayed')).toBeNull();
    expect(repeat.body).toEqual(first.body);
    expect(await house.events(draft.id)).toEqual(['invoice-drafted', 'invoice-finalized']);
  });

  it('is due after fourteen days of the tenant’s calendar', async () => {
    const invoice = await house.open(home);
    const days = Temporal.Instant.from(invoice.finalizedAt ?? '')
      .toZonedDateTimeISO('Asia/Jakarta')
      .until(Temporal.Instant.from(invoice.dueAt ?? '').toZonedDateTimeISO('Asia/Jakarta'), { largestUnit: 'days' });
    expect(days.days).toBe(14);
  });

  it('bears no tax where none is charged', async () => {
    const invoice = await house.open(stranger);
    expect(invoice).toMatchObject({ tax: { amount: '0' }, taxes: [], total: { amount: '150000' } });
  });

  it('is refused with lines that make no sense', async () => {
    const usd = { ...line(), unitPrice: { amount: '1', currency: 'USD' as const } };
    const refused = [
      [newInvoice([line(), usd]), 'invoice-currency-mixed'],
      [newInvoice([line('1.5')]), 'validation-failed'],
      [newInvoice([line('-1')]), 'validation-failed'],
      [newInvoice([line('999999999999999', 1_000_000)]), 'validation-failed'],
      [newInvoice([line('1', 0)]), 'validation-failed'],
    ] as const;
    for (const [input, code] of refused) {
      const answer = await house.world.call(createInvoice, input, home.staff);
      expect([answer.status, codeOf(answer)]).toEqual([400, code]);
    }
  });

  it('for a customer whom nobody knows stays a draft', async () => {
    const input = { body: { customerId: newId('usr') as UserId, lines: [line()] } };
    const draft = await house.world.call(createInvoice, input, home.staff);
    const answer = await house.finalize(home, draft.body.id);
    expect([answer.status, codeOf(answer)]).toEqual([422, 'customer-not-found']);
    expect((await house.read(home.staff, draft.body.id)).status).toBe('draft');
  });
});

describe('Paying an open invoice', () => {
  it('is for its customer: one payment at a time, the same one for the same key', async () => {
    const invoice = await house.open(home);
    const other = await house.world.call(payInvoice, paying(invoice), home.neighbour);
    expect([other.status, codeOf(other)]).toEqual([404, 'not-found']);

    const first = await house.world.call(payInvoice, paying(invoice), home.customer, { idempotencyKey: 'pay-1' });
    expect(first).toMatchObject({
      status: 201,
      body: { payment: { status: 'pending', amount: { amount: '166500' } } },
    });
    const replayed = await house.world.call(payInvoice, paying(invoice), home.customer, { idempotencyKey: 'pay-1' });
    expect(replayed.body).toEqual(first.body);
    const second = await house.world.call(payInvoice, paying(invoice), home.customer);
    expect([second.status, codeOf(second)]).toEqual([409, 'payment-under-way']);

    await house.simulate('/expire', { orderId: first.body.payment.id });
    await house.advance(180);
    const third = await eventually(async () => {
      const answer = await house.world.call(payInvoice, paying(invoice), home.customer);
      expect(answer.status).toBe(201);
      return answer;
    });
    expect(third.body.invoice.status).toBe('open');
    expect(third.body.invoice.paymentId).not.toBe(first.body.payment.id);
  });

  it('leaves the invoice open when the provider refuses, for another try', async () => {
    const invoice = await house.open(home);
    await house.simulate('/faults', { fault: { kind: 'error', statusCode: '402', httpStatus: 402 } });
    const refused = await house.world.call(payInvoice, paying(invoice), home.customer);
    expect([refused.status, codeOf(refused)]).toEqual([422, 'payment-method-refused']);
    expect((await house.world.call(payInvoice, paying(invoice), home.customer)).status).toBe(201);
    expect(await house.read(home.customer, invoice.id)).toMatchObject({ status: 'open' });
  });

  it('is not for drafts', async () => {
    const draft = await house.draft(home);
    const answer = await house.world.call(payInvoice, paying(draft), home.customer);
    expect([answer.status, codeOf(answer)]).toEqual([409, 'invalid-transition']);
    expect(answer.body).toMatchObject({ from: 'draft', to: 'paid' });
  });
});

describe('Who sees an invoice', () => {
  it('is its customer and the tenant’s staff; for all others it does not exist', async () => {
    const invoice = await house.open(home);
    for (const principal of [home.customer, home.staff]) {
      expect((await house.world.call(readInvoice, of(invoice), principal)).body).toEqual(invoice);
    }
    const missing = await house.world.call(readInvoice, of({ id: newId('inv') }), home.customer);
    for (const principal of [home.neighbour, stranger.staff, stranger.customer]) {
      for (const endpoint of [readInvoice, readInvoicePdf]) {
        const answer = await house.world.call(endpoint, of(invoice), principal);
        expect([answer.status, codeOf(answer)]).toEqual([404, 'not-found']);
      }
      const { body } = await house.world.call(readInvoice, of(invoice), principal);
      expect(Object.keys(body)).toEqual(Object.keys(missing.body));
    }
    for (const endpoint of [finalizeInvoice, voidInvoice]) {
      expect((await house.world.call(endpoint, of(invoice), stranger.staff)).status).toBe(404);
      expect((await house.world.call(endpoint, of(invoice), home.customer)).status).toBe(403);
    }
    expect((await house.world.call(payInvoice, paying(invoice), stranger.staff)).status).toBe(404);
    expect((await house.world.call(readInvoice, of(invoice), null)).status).toBe(401);
  });

  it('is the same in lists: one’s own, or the tenant’s, newest first and page by page', async () => {
    const alone = await house.household();
    const own = [await house.open(alone), await house.open(alone), await house.draft(alone)];
    const others = await house.world.call(
      createInvoice,
      { body: { customerId: alone.neighbour.id as UserId, lines: [line()] } },
      alone.staff,
    );
    const idsFor = async (principal: typeof alone.staff) => {
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = { limit: 2, ...(cursor === null ? {} : { cursor }) };
        const page = await house.world.call(listInvoices, { query }, principal);
        ids.push(...page.body.data.map((invoice: InvoiceViewBody) => invoice.id));
        cursor = page.body.nextCursor;
      } while (cursor !== null);
      return ids;
    };
    const newestFirst = own.map((invoice) => invoice.id).toReversed();
    expect(await idsFor(alone.customer)).toEqual(newestFirst);
    expect(await idsFor(alone.staff)).toEqual([others.body.id, ...newestFirst]);
    expect(await idsFor(stranger.customer)).not.toContain(own[0]?.id);
  });
});

describe('The document', () => {
  it('is a PDF for who may see the invoice, naming seller and buyer, the same bytes each time', async () => {
    const invoice = await house.open(home);
    const answer = await house.world.call(readInvoicePdf, of(invoice), home.customer);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/pdf');
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${invoice.number}.pdf"`);
    const bytes = answer.body as unknown as Buffer;
    const lines = linesOf(readPdf(bytes).pages[0] ?? []);
    expect(lines).toEqual(
      expect.arrayContaining([
        'Acme Trading | Budi',
        'NPWP 0012 3456 7890 1000 | budi@acme.example',
        'Total | Rp 166.500',
      ]),
    );
    const again = await house.world.call(readInvoicePdf, of(invoice), home.staff);
    expect((again.body as unknown as Buffer).equals(bytes)).toBe(true);
  });

  it('does not exist of a draft', async () => {
    const answer = await house.world.call(readInvoicePdf, of(await house.draft(home)), home.staff);
    expect([answer.status, codeOf(answer)]).toEqual([409, 'invalid-transition']);
  });

  it('names the seller, and nobody who bought, once the buyer was erased; invoices made after that neither', async () => {
    const home = await house.household();
    const invoice = await house.open(home);
    const readLines = async (invoice: InvoiceViewBody): Promise<readonly string[]> => {
      const answer = await house.world.call(readInvoicePdf, of(invoice), home.customer);
      return linesOf(readPdf(answer.body as unknown as Buffer).pages[0] ?? []);
    };
    expect(await readLines(invoice)).toContain('Acme Trading | Budi');
    const sealed = await house.world.sql<{ seller: Buffer; buyer: Buffer }>(
      'select seller, buyer from billing.invoice_parties where invoice_id = $1',
      [uuidOf(invoice.id)],
    );
    expect(sealed[0]?.buyer.toString('latin1')).not.toMatch(/budi/i);

    const params = { userId: home.customer.id as UserId };
    for (const _ of ['once', 'again'])
      expect((await house.world.callAsService('users', erasePerson, { params }, home.tenant.id)).status).toBe(204);
    const erased = 'Acme Trading | Data pembeli telah dihapus';
    expect(await readLines(invoice)).toContain(erased);
    expect(await readLines(await house.open(home))).toContain(erased);
    expect(await house.prove(home)).toMatchObject({ balanced: true, agreesWithDocuments: true });
    const audit = await house.world.sql<{ principal: string }>(
      `select principal from billing.audit where action = 'person:erase' and resource = $1`,
      [home.customer.id],
    );
    expect(audit).toEqual([{ principal: 'service:users' }, { principal: 'service:users' }]);
  });

  it('does not show who bought something else: their row does not open in its place', async () => {
    const [first, second] = [await house.open(home), await house.open(home)];
    await house.world.sql(
      `update billing.invoice_parties set buyer = (select buyer from billing.invoice_parties where invoice_id = $1)
       where invoice_id = $2`,
      [uuidOf(first.id), uuidOf(second.id)],
    );
    expect((await house.world.call(readInvoicePdf, of(second), home.customer)).status).toBe(500);
  });
});

describe('The read table', () => {
  it('holds of every invoice exactly what its stream says, byte for byte, and is rebuilt from it', async () => {
    const databases = openBillingDatabases(house);
    const tenantId = home.tenant.id;
    const compare = () =>
      databases.withTenant(tenantId, async (uow) => {
        const streams = await uow.sql
          .selectFrom('events')
          .select('stream_id')
          .where('tenant_id', '=', uow.tenantUuid)
          .where('type', '=', 'invoice-drafted')
          .execute();
        const rows = await uow.sql.selectFrom('invoices').selectAll().where('tenant_id', '=', uow.tenantUuid).execute();
        const stored = new Map(rows.map((row) => [row.id, canonicalJson(row)]));
        const replayed = new Map<string, string>();
        for (const { stream_id: streamId } of streams) {
          const id = idFromUuid('inv', streamId);
          const loaded = await loadInvoice(uow, id);
          if (loaded === null) throw new Error(`The stream of ${id} is empty.`);
          replayed.set(uuidOf(id), canonicalJson(projectInvoice(uow.tenantUuid, loaded.invoice, loaded.version)));
        }
        return { stored, replayed };
      });
    try {
      await house.collect(home);
      const { stored, replayed } = await compare();
      expect(stored.size).toBeGreaterThan(10);
      expect(new Map([...replayed].toSorted())).toEqual(new Map([...stored].toSorted()));

      await house.world.sql(`update billing.invoices set paid_at = created_at, payments = '[]' where tenant_id = $1`, [
        uuidOf(tenantId),
      ]);
      expect((await compare()).stored).not.toEqual(stored);
      expect(await rebuildInvoices({ databases })(tenantId)).toMatchObject({ streams: stored.size });
      expect((await compare()).stored).toEqual(stored);
    } finally {
      await databases.close();
    }
  });
});
