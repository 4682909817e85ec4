import { expectAnswer, type Json, waitFor } from './api.ts';

/** Where everything listens. */
export type Addresses = {
  readonly gateway: string;
  readonly midtrans: string;
  readonly telegram: string;
  readonly mailbox: string;
};

export type Tenant = { readonly id: string; readonly slug: string; readonly adminToken: string };
export type Customer = { readonly token: string; readonly id: string; readonly email: string };
export type Money = { readonly amount: string; readonly currency: string };
export type Order = {
  readonly subscriptionId: string;
  readonly invoiceId: string;
  readonly paymentId: string;
  readonly vaNumber: string;
  readonly amount: Money;
};
export type Outcome = {
  readonly invoice: Json & { number: string; total: Money; tax: Money; subtotal: Money };
  readonly pdf: Buffer;
};

const PASSWORD = 'correct horse battery staple';

/** The main job of the API document, call by call; each step is one function, so that tests can break in between. */
export function createMainJob(at: Addresses) {
  const login = async (
    tenant: string,
    email: string,
    password: string,
  ): Promise<{ token: string; refreshToken: string; userId: string }> => {
    const body = await expectAnswer<{ accessToken: string; refreshToken: string; user: { id: string } }>(
      200,
      `${at.gateway}/v1/auth/login`,
      'POST',
      {
        body: { tenant, email, password },
      },
    );
    return { token: body.accessToken, refreshToken: body.refreshToken, userId: body.user.id };
  };

  return {
    login,

    loginOperator: (password: string) => login('platform', 'operator@tenantry.local', password),

    async createTenant(operatorToken: string, slug: string): Promise<Tenant> {
      const admin = { email: `admin@${slug}.example`, password: PASSWORD, name: 'Ayu' };
      const tenant = await expectAnswer<{ id: string }>(201, `${at.gateway}/v1/tenants`, 'POST', {
        token: operatorToken,
        body: {
          slug,
          name: `${slug[0]?.toUpperCase()}${slug.slice(1)} Trading`,
          country: 'ID',
          currency: 'IDR',
          timeZone: 'Asia/Jakarta',
          tax: { registered: true, npwp: '0012345678901000' },
          admin,
        },
      });
      const { token } = await login(slug, admin.email, PASSWORD);
      return { id: tenant.id, slug, adminToken: token };
    },

    /** @returns the token of the verification mail; an address may have mail of other tenants too, the token names its own */
    async register(tenant: Pick<Tenant, 'id' | 'slug'>, email: string, locale: 'id' | 'en' = 'id'): Promise<string> {
      await expectAnswer(202, `${at.gateway}/v1/auth/register`, 'POST', {
        body: { tenant: tenant.slug, email, password: PASSWORD, name: 'Budi', locale },
      });
      const ownToken = (body: { data: { tokens: string[] }[] }): string | undefined =>
        body.data.flatMap((mail) => mail.tokens).find((token) => token.includes(tenant.id.slice('ten_'.length)));
      const mails = await waitFor(
        () =>
          expectAnswer<{ data: { tokens: string[] }[] }>(
            200,
            `${at.mailbox}/messages?to=${encodeURIComponent(email)}`,
            'GET',
          ),
        (body) => ownToken(body) !== undefined,
      );
      return ownToken(mails) ?? '';
    },

    async verify(tenant: Pick<Tenant, 'slug'>, email: string, token: string): Promise<Customer> {
      await expectAnswer(200, `${at.gateway}/v1/auth/verify`, 'POST', { body: { token } });
      const session = await login(tenant.slug, email, PASSWORD);
      return { token: session.token, id: session.userId, email };
    },

    registerBot: (tenant: Tenant, botToken: string) =>
      expectAnswer<{ id: string; username: string; status: string }>(201, `${at.gateway}/v1/bots`, 'POST', {
        token: tenant.adminToken,
        body: { token: botToken, purpose: 'default' },
      }),

    async linkTelegram(customer: Customer, chatId: number): Promise<void> {
      const { url } = await expectAnswer<{ url: string }>(201, `${at.gateway}/v1/me/telegram-links`, 'POST', {
        token: customer.token,
      });
      await expectAnswer(200, `${at.telegram}/simulator/open-link`, 'POST', {
        body: { url, chat: { id: chatId, username: `chat${chatId}` } },
      });
    },

    async findPlan(token: string, slug: string): Promise<string> {
      const plans = await expectAnswer<{ data: { id: string; slug: string }[] }>(200, `${at.gateway}/v1/plans`, 'GET', {
        token,
      });
      const plan = plans.data.find((candidate) => candidate.slug === slug);
      if (plan === undefined) throw new Error(`There is no plan ${slug}.`);
      return plan.id;
    },

    async subscribe(customer: Customer, planId: string, idempotencyKey?: string): Promise<Order> {
      const body = await expectAnswer<{
        id: string;
        latestInvoiceId: string;
        payment: { id: string; amount: Money; instructions: { vaNumber: string } };
      }>(201, `${at.gateway}/v1/subscriptions`, 'POST', {
        token: customer.token,
        body: { planId, paymentMethod: { type: 'bank_transfer', bank: 'bca' } },
        ...(idempotencyKey === undefined ? {} : { headers: { 'idempotency-key': idempotencyKey } }),
      });
      const { payment } = body;
      return {
        subscriptionId: body.id,
        invoiceId: body.latestInvoiceId,
        paymentId: payment.id,
        vaNumber: payment.instructions.vaNumber,
        amount: payment.amount,
      };
    },

    pay: (order: Pick<Order, 'vaNumber'>) =>
      expectAnswer(200, `${at.midtrans}/simulator/pay`, 'POST', { body: { vaNumber: order.vaNumber } }),

    /** Everything that follows from the money, for the one who subscribed. */
    async awaitOutcome(customer: Customer, order: Order, limitMs?: number): Promise<Outcome> {
      const { token } = customer;
      const read = <Body>(path: string) => expectAnswer<Body>(200, `${at.gateway}${path}`, 'GET', { token });
      await waitFor(
        () => read<{ status: string }>(`/v1/payments/${order.paymentId}`),
        (body) => body.status === 'settled',
        limitMs,
      );
      await waitFor(
        () => read<{ status: string }>(`/v1/subscriptions/${order.subscriptionId}`),
        (body) => body.status === 'active',
        limitMs,
      );
      const invoice = await waitFor(
        () => read<Outcome['invoice'] & { status: string }>(`/v1/invoices/${order.invoiceId}`),
        (body) => body.status === 'paid',
        limitMs,
      );
      const pdf = await read<Buffer>(`/v1/invoices/${order.invoiceId}/pdf`);
      return { invoice, pdf };
    },

    async awaitReceipt(chatId: number, invoiceNumber: string, limitMs?: number): Promise<string> {
      const messages = await waitFor(
        () =>
          expectAnswer<{ data: { text: string }[] }>(200, `${at.telegram}/simulator/chats/${chatId}/messages`, 'GET'),
        (body) => body.data.some((message) => message.text.includes(invoiceNumber)),
        limitMs,
      );
      return messages.data.find((message) => message.text.includes(invoiceNumber))?.text ?? '';
    },

    entitlements: (customer: Customer) =>
      expectAnswer<{ planSlug: string; features: { feature: string; value: unknown }[] }>(
        200,
        `${at.gateway}/v1/entitlements`,
        'GET',
        { token: customer.token },
      ),

    consume: (customer: Customer, amount: number) =>
      expectAnswer<{ limit: number; used: number; remaining: number }>(
        200,
        `${at.gateway}/v1/entitlements/api-calls/consume`,
        'POST',
        {
          token: customer.token,
          body: { amount },
        },
      ),
  };
}

export type MainJob = ReturnType<typeof createMainJob>;

/** A well-formed bot token that nobody has used yet. */
export const newBotToken = (): string =>
  `${100_000_000 + Math.floor(Math.random() * 899_999_999)}:AA${'simulated'.repeat(4).slice(0, 33)}`;
