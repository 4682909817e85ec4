import { newId, newUuid, uuidOf } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { voidInvoice } from '../contract/invoices.ts';
import { listLedgerAccounts, listLedgerEntries, proveLedger } from '../contract/ledger.ts';
import { openBillingDatabases } from './billing-databases.ts';
import { codeOf, type House, type Household, line, openHouse } from './billing-house.ts';

let house: House;
let home: Household;
beforeAll(async () => {
  house = await openHouse();
  home = await house.household();
});
afterAll(() => house.close());

/** Puts an entry into the books behind billing's back; with the guards off it need not even balance. */
async function plant(
  at: Household,
  postings: readonly [account: string, side: string, amount: number][],
  guarded = true,
) {
  const [tenant, entry, document] = [uuidOf(at.tenant.id), newUuid(), newId('pay')];
  await house.world.sql(`
    begin;
    ${guarded ? '' : 'set local session_replication_role = replica;'}
    insert into billing.ledger_entries values ('${tenant}', '${entry}', '${newUuid()}', '${document}', 'payment-settled', '2026-11-21T00:00:00Z');
    ${postings
      .map(
        ([account, side, amount], index) =>
          `insert into billing.ledger_postings values ('${tenant}', '${entry}', ${index + 1}, '${account}', '${side}', ${amount}, 'IDR');`,
      )
      .join('\n')}
    commit;
  `);
  return document;
}

describe('The books', () => {
  it('show accounts with balances on their normal side, and entries newest first, page by page', async () => {
    const alone = await house.household();
    const [first, second] = [await house.open(alone), await house.open(alone, [line('1000'), line('500', 2)])];
    await house.world.call(voidInvoice, { params: { invoiceId: first.id } }, alone.staff);
    const accounts = await house.world.call(listLedgerAccounts, {}, alone.staff);
    expect(accounts.body.data.map(({ account, normal, balance }) => [account, normal, balance.amount])).toEqual([
      ['accounts-receivable', 'debit', '2220'],
      ['cash-clearing', 'debit', '0'],
      ['customer-credit', 'credit', '0'],
      ['refunds', 'debit', '0'],
      ['revenue', 'credit', '2000'],
      ['vat-payable', 'credit', '220'],
    ]);
    const page = await house.world.call(listLedgerEntries, { query: { limit: 2 } }, alone.staff);
    expect(page.body.data.map(({ document, kind }) => [document, kind])).toEqual([
      [first.id, 'invoice-voided'],
      [second.id, 'invoice-finalized'],
    ]);
    expect(page.body.data[1]?.postings).toEqual([
      { account: 'accounts-receivable', debit: { amount: '2220', currency: 'IDR' }, credit: null },
      { account: 'revenue', debit: null, credit: { amount: '2000', currency: 'IDR' } },
      { account: 'vat-payable', debit: null, credit: { amount: '220', currency: 'IDR' } },
    ]);
    const cursor = page.body.nextCursor ?? '';
    const rest = await house.world.call(listLedgerEntries, { query: { limit: 2, cursor } }, alone.staff);
    expect(rest.body).toMatchObject({ data: [{ document: first.id, kind: 'invoice-finalized' }], nextCursor: null });
  });

  it('are for those with reach over the tenant, each over their own', async () => {
    await house.open(home);
    const stranger = await house.household();
    for (const endpoint of [listLedgerAccounts, listLedgerEntries, proveLedger]) {
      const answer = await house.world.call(endpoint, {}, home.customer);
      expect([answer.status, codeOf(answer)]).toEqual([403, 'forbidden']);
    }
    expect((await house.world.call(listLedgerEntries, {}, stranger.staff)).body.data).toEqual([]);
    expect(await house.prove(stranger)).toMatchObject({ entries: 0, documents: 0, balanced: true });
  });

  it('take no entry that does not balance or has no postings, and never change one', async () => {
    const databases = openBillingDatabases(house);
    const { id: tenantId } = home.tenant;
    const entry = (id: string) => ({
      tenant_id: uuidOf(tenantId),
      id,
      invoice_id: newUuid(),
      document: newId('pay'),
      kind: 'payment-settled',
      posted_at: house.world.clock.now(),
    });
    const posting = (id: string, position: number, side: string, amount: bigint, currency = 'IDR') => ({
      tenant_id: uuidOf(tenantId),
      entry_id: id,
      line: position,
      account: 'revenue',
      side,
      amount,
      currency,
    });
    const post = (postings: (id: string) => ReturnType<typeof posting>[]) =>
      databases.withTenant(tenantId, async (uow) => {
        const id = newUuid();
        await uow.sql.insertInto('ledger_entries').values(entry(id)).execute();
        const rows = postings(id);
        if (rows.length > 0) await uow.sql.insertInto('ledger_postings').values(rows).execute();
      });
    try {
      await expect(post(() => [])).rejects.toThrow('has no postings');
      await expect(post((id) => [posting(id, 1, 'debit', 5n), posting(id, 2, 'credit', 4n)])).rejects.toThrow(
        'balance',
      );
      await expect(post((id) => [posting(id, 1, 'debit', 5n), posting(id, 2, 'credit', 5n, 'USD')])).rejects.toThrow(
        'balance',
      );
      await expect(
        databases.withTenant(tenantId, (uow) => uow.sql.updateTable('ledger_postings').set({ amount: 1n }).execute()),
      ).rejects.toThrow('permission denied');
      await expect(
        databases.withTenant(tenantId, (uow) => uow.sql.deleteFrom('ledger_entries').execute()),
      ).rejects.toThrow('permission denied');
    } finally {
      await databases.close();
    }
  });
});

describe('The proof', () => {
  it('finds an entry that no document accounts for', async () => {
    const alone = await house.household();
    await house.open(alone);
    expect(await house.prove(alone)).toMatchObject({ balanced: true, agreesWithDocuments: true, differences: [] });
    const document = await plant(alone, [
      ['cash-clearing', 'debit', 1_000],
      ['revenue', 'credit', 1_000],
    ]);
    expect(await house.prove(alone)).toMatchObject({
      balanced: true,
      agreesWithDocuments: false,
      entries: 2,
      differences: [{ document, detail: expect.stringContaining('no document says so') }],
    });
  });

  it('finds an entry that does not balance', async () => {
    const alone = await house.household();
    await expect(plant(alone, [['revenue', 'credit', 1]])).rejects.toThrow('does not balance');
    const document = await plant(alone, [['revenue', 'credit', 1]], false);
    const proof = await house.prove(alone);
    expect(proof).toMatchObject({ balanced: false, agreesWithDocuments: false });
    expect(proof.differences.map((difference) => difference.document)).toContain(document);
  });

  it('finds a posting that was changed, and an entry that is gone', async () => {
    const alone = await house.household();
    const [changed, gone] = [await house.open(alone), await house.open(alone)];
    await house.world.sql(
      `update billing.ledger_postings p set account = 'cash-clearing' from billing.ledger_entries e
       where p.entry_id = e.id and e.document = $1 and p.account = 'accounts-receivable'`,
      [changed.id],
    );
    await house.world.sql(
      `with entry as (select id from billing.ledger_entries where document = $1),
            postings as (delete from billing.ledger_postings where entry_id in (select id from entry))
       delete from billing.ledger_entries where id in (select id from entry)`,
      [gone.id],
    );
    const proof = await house.prove(alone);
    expect(proof).toMatchObject({ balanced: true, agreesWithDocuments: false, entries: 1, documents: 2 });
    expect(proof.differences).toEqual([
      { document: changed.id, detail: expect.stringContaining('the books hold') },
      { document: gone.id, detail: expect.stringContaining('missing') },
    ]);
  });

  it('reads through more invoices than fit one batch', async () => {
    const alone = await house.household();
    const one = await house.open(alone);
    // Copies of one invoice under other ids: what documents and books hold of them differs only where ids do.
    await house.world.sql(
      `insert into billing.events (tenant_id, stream_id, version, id, type, data, recorded_at)
       select tenant_id, uuidv7(), 1, uuidv7(), type, data, recorded_at from billing.events, generate_series(1, 450)
       where stream_id = $1 and version = 1`,
      [uuidOf(one.id)],
    );
    expect(await house.prove(alone)).toMatchObject({ documents: 451, entries: 1, agreesWithDocuments: true });
  });
});
