import { request, waitFor } from '@tenantry/deploy/demo/api.ts';
import { type Addresses, type Customer, createMainJob, type Order } from '@tenantry/deploy/demo/main-job.ts';
import { expect } from 'vitest';

/** A client with patience: repeats with the same Idempotency-Key while the answer is "not now". */
export async function subscribePatiently(
  at: Addresses,
  customer: Customer,
  planId: string,
  key: string,
): Promise<Order> {
  const answer = await waitFor(
    () =>
      request<{
        id: string;
        latestInvoiceId: string;
        payment: { id: string; status: string; amount: Order['amount']; instructions: { vaNumber: string } | null };
      }>(`${at.gateway}/v1/subscriptions`, 'POST', {
        token: customer.token,
        headers: { 'idempotency-key': key },
        body: { planId, paymentMethod: { type: 'bank_transfer', bank: 'bca' } },
      }).catch(() => ({ status: 0, headers: new Headers(), body: {} as never })),
    (candidate) => candidate.status === 201,
    60_000,
  );
  const { payment } = answer.body;
  const ready = await waitFor(
    async () =>
      (
        await request<{ instructions: { vaNumber: string } | null }>(`${at.gateway}/v1/payments/${payment.id}`, 'GET', {
          token: customer.token,
        })
      ).body,
    (body) => typeof body.instructions?.vaNumber === 'string',
    60_000,
  );
  return {
    subscriptionId: answer.body.id,
    invoiceId: answer.body.latestInvoiceId,
    paymentId: payment.id,
    vaNumber: ready.instructions?.vaNumber ?? '',
    amount: payment.amount,
  };
}

/** Paid once, told once, and nothing of it twice anywhere. */
export async function expectOneOfEach(at: Addresses, customer: Customer, chatId: number, order: Order): Promise<void> {
  const job = createMainJob(at);
  const outcome = await waitFor(
    () => job.awaitOutcome(customer, order, 60_000).catch(() => null),
    (result) => result !== null,
    90_000,
  );
  const number = outcome?.invoice.number ?? 'none';
  await job.awaitReceipt(chatId, number, 60_000);
  const list = async (path: string): Promise<unknown[]> =>
    (await request<{ data: unknown[] }>(`${at.gateway}${path}`, 'GET', { token: customer.token })).body.data;
  expect(await list('/v1/payments')).toHaveLength(1);
  expect(await list('/v1/invoices')).toHaveLength(1);
  expect(await list('/v1/subscriptions')).toHaveLength(1);
  const chat = await request<{ data: { text: string }[] }>(`${at.telegram}/simulator/chats/${chatId}/messages`, 'GET');
  expect(chat.body.data.filter((message) => message.text.includes(number))).toHaveLength(1);
  const atProvider = await request<{ data: { order_id: string }[] }>(
    `${at.midtrans}/simulator/transactions?orderId=${order.paymentId}`,
    'GET',
  );
  expect(atProvider.body.data).toHaveLength(1);
}

/** Midtrans tries again by its own schedule when our door was shut; its clock is ours to move. */
export const moveProviderClock = (at: Addresses): NodeJS.Timeout =>
  setInterval(() => void request(`${at.midtrans}/simulator/clock/advance`, 'POST', { body: { seconds: 300 } }), 3_000);
