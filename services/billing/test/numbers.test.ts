import type { Databases } from '@tenantry/databases/factory.ts';
import type { InvoiceId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BillingTables } from '../store/tables.ts';
import { drawNumber } from '../use-cases/draw-number.ts';
import { openBillingDatabases } from './billing-databases.ts';
import { type House, type Household, line, openHouse } from './billing-house.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

const positionsOf = (numbers: readonly (string | null)[]): readonly number[] =>
  numbers.map((number) => Number(number?.slice(-6))).toSorted((a, b) => a - b);
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Makes the books refuse these invoices when their transaction ends: long after the number was drawn. */
async function refuseAtCommit(ids: readonly InvoiceId[]): Promise<void> {
  await house.world.sql(`
    create function billing.refuse_on_purpose() returns trigger language plpgsql as $$
    begin
      if new.document in (${ids.map((id) => `'${id}'`).join(', ')}) then raise exception 'refused on purpose'; end if;
      return null;
    end $$;
    create constraint trigger refuse_on_purpose after insert on billing.ledger_entries
      deferrable initially deferred for each row execute function billing.refuse_on_purpose();
  `);
}

async function numbersOf(home: Household): Promise<readonly (string | null)[]> {
  const rows = await house.world.sql<{ number: string }>(`select number from billing.invoices where number like $1`, [
    `${home.tenant.slug.toUpperCase()}-%`,
  ]);
  return rows.map((row) => row.number);
}

/** Two hundred at once wait longer than they may where the machine is busy: who is told "not now" repeats the request. */
async function finalizeAtLast(home: Household, id: InvoiceId) {
  for (;;) {
    const answer = await house.finalize(home, id, { idempotencyKey: `finalize-${id}` });
    const { code } = answer.body as { code?: string };
    if (![503, 504].includes(answer.status) && code !== 'idempotency-key-in-flight') return answer;
  }
}

describe('The numbers of a tenant', () => {
  it('have no gap and no double when 200 invoices are finalised at once and 40 of them fail', async () => {
    const home = await house.household();
    const good = await Promise.all(upTo(160).map(() => house.draft(home)));
    const empty = await Promise.all(upTo(20).map(() => house.draft(home, [])));
    const refused = await Promise.all(upTo(20).map(() => house.draft(home)));
    await refuseAtCommit(refused.map((draft) => draft.id));
    // Good and bad ones mixed: a failure between two successes is what could leave a gap.
    const all = [...good, ...empty, ...refused].toSorted((a, b) => (a.id.slice(-3) < b.id.slice(-3) ? -1 : 1));

    const answers = await Promise.all(all.map(async ({ id }) => ({ id, answer: await finalizeAtLast(home, id) })));
    const statusOf = new Map(answers.map(({ id, answer }) => [id, answer.status]));
    expect(good.map(({ id }) => statusOf.get(id))).toEqual(good.map(() => 200));
    expect(empty.map(({ id }) => statusOf.get(id))).toEqual(empty.map(() => 409));
    expect(refused.map(({ id }) => statusOf.get(id))).toEqual(refused.map(() => 500));

    expect(positionsOf(await numbersOf(home))).toEqual(upTo(160));
    const told = answers.filter(({ answer }) => answer.status === 200).map(({ answer }) => answer.body.number);
    expect(positionsOf(told)).toEqual(upTo(160));
    const left = await Promise.all([...empty, ...refused].map(({ id }) => house.read(home.staff, id)));
    expect(left.every((invoice) => invoice.status === 'draft' && invoice.number === null)).toBe(true);
    expect(await house.prove(home)).toMatchObject({ balanced: true, agreesWithDocuments: true, entries: 160 });

    await house.world.sql('drop trigger refuse_on_purpose on billing.ledger_entries');
    const late = await Promise.all(refused.map(({ id }) => house.finalize(home, id)));
    expect(positionsOf(late.map(({ body }) => body.number))).toEqual(upTo(180).slice(160));
  });

  it('are right by the counter’s lock alone, whichever process draws them', async () => {
    const tenant = await house.world.addTenant();
    const at = Temporal.Instant.from('2026-11-21T09:30:00Z');
    const processes = [openBillingDatabases(house), openBillingDatabases(house)];
    try {
      const drawn = await Promise.allSettled(
        upTo(200).map((turn) =>
          (processes[turn % 2] as Databases<BillingTables>).withTenant(tenant.id, async (uow) => {
            const number = await drawNumber(uow, tenant, at);
            if (turn % 5 === 0) throw new Error('failed on purpose');
            return number;
          }),
        ),
      );
      const numbers = drawn.filter((result) => result.status === 'fulfilled').map((result) => result.value);
      expect(positionsOf(numbers)).toEqual(upTo(160));
    } finally {
      await Promise.all(processes.map((databases) => databases.close()));
    }
  });

  it('begin anew with the year of the tenant, each year’s and each tenant’s without a gap', async () => {
    const [jakarta, newYork] = [
      { timeZone: 'Asia/Jakarta', slug: 'jkt' },
      { timeZone: 'America/New_York', slug: 'nyc' },
    ];
    const tenants = await Promise.all([jakarta, newYork].map((overrides) => house.world.addTenant(overrides)));
    const midnightInJakarta = Temporal.Instant.from('2026-12-31T17:00:00Z');
    const instants = [-1, 0, 1].map((milliseconds) => midnightInJakarta.add({ milliseconds }));
    const databases = openBillingDatabases(house);
    try {
      const numbers: string[] = [];
      for (const tenant of tenants) {
        for (const at of [...instants, ...instants]) {
          numbers.push(await databases.withTenant(tenant.id, (uow) => drawNumber(uow, tenant, at)));
        }
      }
      expect(numbers).toEqual([
        'JKT-2026-000001',
        'JKT-2027-000001',
        'JKT-2027-000002',
        'JKT-2026-000002',
        'JKT-2027-000003',
        'JKT-2027-000004',
        ...upTo(6).map((position) => `NYC-2026-00000${position}`),
      ]);
    } finally {
      await databases.close();
    }
  });

  it('are kept by an invoice that becomes void', async () => {
    const home = await house.household();
    const [first, second] = [await house.open(home), await house.open(home, [line('1')])];
    expect(positionsOf([first.number, second.number])).toEqual([1, 2]);
  });
});
