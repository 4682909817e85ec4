import type { FastifyInstance, FastifyReply } from 'fastify';
import { chooseMethod } from '../control/choose-method.ts';
import { formatRupiah } from '../domain/rupiah.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { Simulator } from '../simulator.ts';
import { offeredMethods } from '../snap-orders.ts';

const entities = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
]);
const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => entities.get(character) ?? character);

function sendPage(reply: FastifyReply, heading: string, content: string): FastifyReply {
  const title = escapeHtml(heading);
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${content}</html>`;
  return reply.type('text/html; charset=utf-8').send(page);
}

const button = (action: string, label: string): string =>
  `<form method="post" action="${escapeHtml(action)}"><button>${escapeHtml(label)}</button></form>`;

const describe = (transaction: Transaction): string =>
  `<p>Order ${escapeHtml(transaction.orderId)}, IDR ${formatRupiah(transaction.grossAmount)}: ${transaction.status}</p>`;

/** The pages a payer's browser opens: the wallet behind a GoPay deeplink and Snap's hosted checkout. */
export function payerPages(app: FastifyInstance, simulator: Simulator): void {
  walletPage(app, simulator);
  checkoutPage(app, simulator);
}

function walletPage(app: FastifyInstance, { transactions, payments }: Simulator): void {
  const path = '/gopay/ui/checkout';
  type Query = { Querystring: { referenceid?: string } };

  app.get<Query>(path, ({ query }, reply) => {
    const transaction = transactions.byId(query.referenceid ?? '');
    if (transaction === undefined) return sendPage(reply.code(404), 'Unknown payment', '');
    const pay =
      transaction.status === 'pending' ? button(`${path}?referenceid=${transaction.transactionId}`, 'Pay') : '';
    return sendPage(reply, 'Simulated GoPay', describe(transaction) + pay);
  });

  app.post<Query>(path, async ({ query }, reply) => {
    const transaction = transactions.byId(query.referenceid ?? '');
    if (transaction === undefined) return sendPage(reply.code(404), 'Unknown payment', '');
    if (transaction.status !== 'pending') return sendPage(reply.code(409), 'Not payable', describe(transaction));
    const paid = payments.pay(transaction);
    await paid.notified;
    // the merchant chose the callback when it charged: nothing from this request decides where the browser goes
    const callbackUrl = transaction.method.type === 'gopay' ? transaction.method.callbackUrl : null;
    if (callbackUrl === null || !URL.canParse(callbackUrl)) return sendPage(reply, 'Paid', describe(paid.transaction));
    const target = new URL(callbackUrl);
    target.searchParams.set('order_id', transaction.orderId);
    return reply.redirect(target.href, 303);
  });
}

function checkoutPage(app: FastifyInstance, simulator: Simulator): void {
  const path = '/snap/v3/redirection/:token';
  type Params = { Params: { token: string } };

  app.get<Params>(path, ({ params }, reply) => {
    const order = simulator.snapOrders.byToken(params.token);
    if (order === undefined) return sendPage(reply.code(404), 'Unknown page', '');
    const { orderId, grossAmount } = order.request;
    const chosen = simulator.transactions.latestOfOrder(order.serverKey, orderId);
    if (chosen !== undefined && chosen.transactionAtMs >= order.createdAtMs && chosen.status !== 'deny') {
      return sendPage(reply, 'Simulated checkout', describe(chosen));
    }
    const action = (method: string): string => `/snap/v3/redirection/${order.token}?method=${method}`;
    const choices = offeredMethods(order).map((method) => button(action(method), method));
    return sendPage(
      reply,
      'Simulated checkout',
      `<p>Order ${escapeHtml(orderId)}, IDR ${formatRupiah(grossAmount)}</p>${choices.join('')}`,
    );
  });

  app.post<Params & { Querystring: { method?: string } }>(path, async ({ params, query }, reply) => {
    const order = simulator.snapOrders.byToken(params.token);
    if (order === undefined) return sendPage(reply.code(404), 'Unknown page', '');
    await chooseMethod(simulator, order, query.method).notified;
    return reply.redirect(`/snap/v3/redirection/${order.token}`, 303);
  });
}
