import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import type { InvoiceId, PaymentId, UserId } from '@tenantry/kernel/id.ts';
import { newId, PLATFORM_TENANT_ID, uuidOf } from '@tenantry/kernel/id.ts';
import type { PaymentMethod } from '@tenantry/payments/contract/schemas.ts';
import { register } from '@tenantry/users/contract/auth.ts';
import { createTenant } from '@tenantry/users/contract/tenants.ts';
import { listUsers } from '@tenantry/users/contract/users.ts';
import { expect } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { openWorld } from '../../../tests/support/world.ts';
import { collectInvoice, createInvoice, endCollection, finalizeInvoice, readInvoice } from '../contract/invoices.ts';
import { listLedgerAccounts, proveLedger } from '../contract/ledger.ts';
import type { InvoiceViewBody, NewInvoiceLineBody } from '../contract/schemas.ts';

export type ProblemBody = { readonly code: string } & Readonly<Record<string, unknown>>;

/** A tenant with people in it: somebody of its staff, and a customer with name and address. */
export type Household = {
  readonly tenant: TenantRecord;
  readonly staff: Principal;
  readonly customer: Principal;
  /** Another member, to whom nothing here belongs. */
  readonly neighbour: Principal;
};

export const BCA: PaymentMethod = { type: 'bank_transfer', bank: 'bca' };

export const line = (amount = '150000', quantity = 1): NewInvoiceLineBody => ({
  description: 'Pro, one month',
  quantity,
  unitPrice: { amount, currency: 'IDR' },
});

type Parts = Parameters<typeof openWorld>[0]['services'];
type World = Awaited<ReturnType<typeof openWorld>>;

/** Billing with real stores and real neighbours, and words for what happens in the tests. */
export async function openHouse(
  services: Parts = ['users', 'billing'],
  environment: Readonly<Record<string, string>> = {},
) {
  const withPayments = services.includes('payments');
  const world = await openWorld({
    services,
    simulators: withPayments ? ['midtrans', 'mailbox'] : ['mailbox'],
    environment,
  });
  return { world, ...wordsOf(world), ...providerOf(world), close: () => world.close() };
}

/** What people and banks do at the payment provider, and time. */
function providerOf(world: World) {
  const simulate = async (path: string, body: unknown, method = 'POST'): Promise<void> => {
    const init = { method, headers: { 'content-type': 'application/json' } };
    const answer = await fetch(
      `${world.midtransUrl}/simulator${path}`,
      method === 'POST' ? { ...init, body: JSON.stringify(body) } : { method },
    );
    if (!answer.ok) throw new Error(`The simulator answers ${path} with ${answer.status}: ${await answer.text()}`);
  };
  return {
    simulate,
    /** The provider's clock and ours. No notification reaches payments here, so it is by time that it asks. */
    async advance(seconds: number): Promise<void> {
      await simulate('/clock/advance', { seconds });
      world.clock.advance({ seconds });
    },
    async transactionsOf(orderId: string): Promise<number> {
      const answer = await fetch(`${world.midtransUrl}/simulator/transactions?orderId=${orderId}`);
      return ((await answer.json()) as { data: readonly unknown[] }).data.length;
    },
  };
}

export type House = Awaited<ReturnType<typeof openHouse>>;

function wordsOf(world: World) {
  const words = {
    async household(
      overrides: { readonly country?: string; readonly timeZone?: string; readonly isRegistered?: boolean } = {},
    ) {
      const { country = 'ID', timeZone = 'Asia/Jakarta', isRegistered = true } = overrides;
      const slug = `acme-${newId('ten').slice(-8)}`;
      const password = 'correct horse battery';
      const operator = world.principal(PLATFORM_TENANT_ID, ['owner', 'operator']);
      const body = {
        slug,
        name: 'Acme Trading',
        country,
        currency: 'IDR' as const,
        timeZone,
        tax: isRegistered ? { registered: true, npwp: '0012345678901000' } : { registered: false },
        admin: { email: 'ayu@acme.example', password, name: 'Ayu Lestari' },
      };
      const tenant = await world.call(createTenant, { body }, operator);
      expect(tenant.status).toBe(201);
      const tenantId = tenant.body.id;
      const email = 'budi@acme.example';
      const registered = { tenant: slug, email, password, name: 'Budi', locale: 'id' as const };
      expect((await world.call(register, { body: registered }, null)).status).toBe(202);
      const { body: users } = await world.call(listUsers, {}, world.principal(tenantId, ['admin']));
      const principalOf = (email: string, roles: readonly string[]): Principal => {
        const user = users.data.find((candidate) => candidate.email === email);
        if (user === undefined) throw new Error(`There is no ${email}.`);
        return world.principal(tenantId, roles, user.id);
      };
      return {
        tenant: tenant.body as TenantRecord,
        staff: principalOf('ayu@acme.example', ['billing']),
        customer: principalOf(email, ['member']),
        neighbour: world.principal(tenantId, ['member']),
      } satisfies Household;
    },

    async draft(home: Household, lines: NewInvoiceLineBody[] = [line()]): Promise<InvoiceViewBody> {
      const body = { customerId: home.customer.id as UserId, lines };
      const answer = await world.call(createInvoice, { body }, home.staff);
      expect(answer).toMatchObject({ status: 201, body: { status: 'draft', number: null } });
      return answer.body;
    },

    finalize: (home: Household, invoiceId: InvoiceId, extra: { idempotencyKey?: string } = {}) =>
      world.call(finalizeInvoice, { params: { invoiceId } }, home.staff, extra),

    async open(home: Household, lines?: NewInvoiceLineBody[]): Promise<InvoiceViewBody> {
      const answer = await words.finalize(home, (await words.draft(home, lines)).id);
      expect(answer).toMatchObject({ status: 200, body: { status: 'open' } });
      return answer.body;
    },

    /** Subscriptions orders. */
    collect(
      home: Household,
      order: {
        readonly invoiceId?: InvoiceId;
        readonly paymentId?: PaymentId;
        readonly subscriptionId?: `sub_${string}`;
        readonly orderedAt?: string;
        readonly paymentMethod?: PaymentMethod;
        readonly purpose?: 'order' | 'renewal';
        readonly customerId?: UserId;
        readonly lines?: NewInvoiceLineBody[];
      } = {},
    ) {
      const { invoiceId = newId('inv'), ...rest } = order;
      const body = {
        paymentId: newId('pay'),
        subscriptionId: newId('sub'),
        customerId: home.customer.id as UserId,
        lines: [line()],
        paymentMethod: BCA,
        purpose: 'order' as const,
        orderedAt: world.clock.now().toString({ smallestUnit: 'millisecond' }),
        ...rest,
      };
      return world.callAsService(
        'subscriptions',
        collectInvoice,
        { params: { invoiceId }, body },
        home.tenant.id,
        body.customerId,
      );
    },

    /** Subscriptions gives nothing for it any more. */
    endCollection: (home: Household, invoiceId: InvoiceId) =>
      world.callAsService('subscriptions', endCollection, { params: { invoiceId } }, home.tenant.id),

    async read(principal: Principal, invoiceId: InvoiceId): Promise<InvoiceViewBody> {
      const answer = await world.call(readInvoice, { params: { invoiceId } }, principal);
      expect(answer.status).toBe(200);
      return answer.body;
    },

    becomes: (home: Household, id: InvoiceId, expected: Partial<InvoiceViewBody>): Promise<InvoiceViewBody> =>
      eventually(async () => {
        const invoice = await words.read(home.staff, id);
        expect(invoice).toMatchObject(expected);
        return invoice;
      }),

    async prove(home: Household) {
      const answer = await world.call(proveLedger, {}, home.staff);
      expect(answer.status).toBe(200);
      return answer.body;
    },

    /** Balances that are not zero. */
    async balances(home: Household): Promise<Record<string, string>> {
      const { body } = await world.call(listLedgerAccounts, {}, home.staff);
      return Object.fromEntries(
        body.data
          .filter(({ balance }) => balance.amount !== '0')
          .map(({ account, balance }) => [account, balance.amount]),
      );
    },

    async events(invoiceId: InvoiceId): Promise<readonly string[]> {
      const rows = await world.sql<{ type: string }>(
        'select type from billing.events where stream_id = $1 order by version',
        [uuidOf(invoiceId)],
      );
      return rows.map(({ type }) => type);
    },
  };
  return words;
}

export const codeOf = (answer: { readonly body: unknown }): string => (answer.body as ProblemBody).code;
