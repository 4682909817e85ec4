import type { FastifyInstance } from 'fastify';
import { object } from '../../shared/json-schema.ts';
import { ControlProblem } from '../../shared/problem.ts';
import type { JsonObject } from '../domain/json.ts';
import type { Transaction } from '../domain/transaction.ts';
import type { Change } from '../payments.ts';
import type { Simulator } from '../simulator.ts';
import { chooseMethod } from './choose-method.ts';
import {
  findTransaction,
  findUnusedSnapPage,
  referenceProperties,
  type TransactionReference,
} from './transaction-reference.ts';
import { deliveryView, transactionView } from './views.ts';

const bodyOf = (extra: JsonObject = {}) => ({ schema: { body: object({ ...referenceProperties, ...extra }) } });

/** Answers when the first attempt of every notification of this change is over. */
async function changeView(simulator: Simulator, { transaction, notified }: Change): Promise<JsonObject> {
  const deliveries = await notified;
  const current = simulator.transactions.byId(transaction.transactionId) ?? transaction;
  return { transaction: transactionView(current), deliveries: deliveries.map(deliveryView) };
}

/** What payers, banks and wallets do. */
export function payerCalls(app: FastifyInstance, simulator: Simulator): void {
  const { payments } = simulator;

  app.post<{ Body: TransactionReference & { issuer?: string; method?: string } }>(
    '/simulator/pay',
    bodyOf({ issuer: { type: 'string' }, method: { type: 'string' } }),
    async ({ body }) => {
      const page = findUnusedSnapPage(simulator, body);
      const transaction = page === undefined ? findTransaction(simulator, body) : await choose(page, body.method);
      return changeView(simulator, payments.pay(transaction, body.issuer));
    },
  );

  app.post<{ Body: TransactionReference & { token?: string; method?: string } }>(
    '/simulator/choose',
    bodyOf({ token: { type: 'string' }, method: { type: 'string' } }),
    async ({ body }) => {
      const page =
        body.token === undefined ? findUnusedSnapPage(simulator, body) : simulator.snapOrders.byToken(body.token);
      if (page === undefined)
        throw new ControlProblem(404, 'not-found', 'There is no such Snap page waiting for a choice.');
      return changeView(simulator, chooseMethod(simulator, page, body.method));
    },
  );

  /** The pending notification goes first, as it would when some time passes between choosing and paying. */
  async function choose(page: Parameters<typeof chooseMethod>[1], method: string | undefined): Promise<Transaction> {
    const { transaction, notified } = chooseMethod(simulator, page, method);
    await notified;
    return transaction;
  }

  const simpleCalls: { readonly [path: string]: (transaction: Transaction) => Change } = {
    '/simulator/settle': (transaction) => payments.pay(transaction),
    '/simulator/deny': (transaction) => payments.deny(transaction),
    '/simulator/expire': (transaction) => payments.expire(transaction),
  };
  for (const [path, change] of Object.entries(simpleCalls)) {
    app.post<{ Body: TransactionReference }>(path, bodyOf(), async ({ body }) =>
      changeView(simulator, change(findTransaction(simulator, body))),
    );
  }

  app.post<{ Body: TransactionReference & { force?: boolean } }>(
    '/simulator/reverse',
    bodyOf({ force: { type: 'boolean' } }),
    async ({ body }) =>
      changeView(simulator, payments.reverse(findTransaction(simulator, body), { force: body.force ?? false })),
  );

  app.post<{ Body: TransactionReference & { amount?: number } }>(
    '/simulator/chargeback',
    bodyOf({ amount: { type: 'integer', minimum: 1 } }),
    async ({ body }) => changeView(simulator, payments.chargeBack(findTransaction(simulator, body), body.amount)),
  );
}
