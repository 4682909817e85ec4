import { on, type Subscription } from '@tenantry/events/subscription.ts';
import { parseInstant } from '@tenantry/kernel/instant.ts';
import { parseMoney } from '@tenantry/kernel/money.ts';
import { paymentFailed, paymentRefunded, paymentReversed, paymentSettled } from '@tenantry/payments/contract/events.ts';
import type { BillingTables } from '../use-cases/deps.ts';
import { recordFailure, recordRefund, recordReversal, recordSettlement } from '../use-cases/follow-payment.ts';

/** Billing alone hears of payments; everybody else hears of invoices. */
export const paymentSubscriptions: readonly Subscription<BillingTables>[] = [
  on(paymentSettled, (uow, { data }) =>
    recordSettlement(uow, { ...data, amount: parseMoney(data.amount), settledAt: parseInstant(data.settledAt) }),
  ),
  on(paymentFailed, (uow, { data }) => recordFailure(uow, data)),
  on(paymentRefunded, (uow, { data }) => recordRefund(uow, { ...data, amount: parseMoney(data.amount) })),
  on(paymentReversed, (uow, { data }) => recordReversal(uow, data)),
];
