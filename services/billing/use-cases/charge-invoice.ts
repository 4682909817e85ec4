import assert from 'node:assert/strict';
import { type Principal, servicePrincipal } from '@tenantry/auth/principal.ts';
import type { Id, PaymentId, TenantId } from '@tenantry/kernel/id.ts';
import { toMoneyView } from '@tenantry/kernel/money.ts';
import { isTransient, Problem } from '@tenantry/kernel/problem.ts';
import { conflict } from '@tenantry/kernel/problems.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { chargePayment } from '@tenantry/payments/contract/payments.ts';
import { type PaymentMethod, PaymentMethodSchema, type PaymentViewBody } from '@tenantry/payments/contract/schemas.ts';
import { Value } from 'typebox/value';
import { failPayment } from '../domain/follow-payment.ts';
import { findPayment, type Invoice, type PaymentMethodFact } from '../domain/invoice.ts';
import { type BillingUnitOfWork, loadInvoice } from '../store/invoices.ts';
import type { BillingDeps } from './deps.ts';
import { saveInvoice } from './save-invoice.ts';

/** Deadline of the hop from billing to payments (8, 6 and 4 s on the way to the provider). */
const TIMEOUT_MS = 6_000;
/** Payments takes 50 characters; the end of a number is what tells it apart. */
const MAX_DESCRIPTION = 50;
const RECONCILE_SECONDS = 30;

/** The kind of obligation that finishes a request whose answer was lost. Its id is the payment's. */
export const REQUEST_PAYMENT = 'request-payment';

/** Written with the intent: whatever becomes of the process that makes the call, the call is made. */
export const scheduleCharge = (uow: BillingUnitOfWork, paymentId: PaymentId): Promise<void> =>
  schedule(uow, REQUEST_PAYMENT, paymentId, uow.now.add({ seconds: RECONCILE_SECONDS }));

/**
 * Asks payments for the money of a payment that the invoice has on record. Safe to repeat: the payment's id names it. A
 * refusal that would be the same next time ends the payment, and with it an order; anything else is left as it is,
 * for the caller's repeat or the schedule to finish.
 */
export const chargeInvoice =
  ({ databases, mesh }: Pick<BillingDeps, 'databases' | 'mesh'>) =>
  async (principal: Principal, invoice: Invoice, paymentId: PaymentId): Promise<PaymentViewBody> => {
    const payment = findPayment(invoice, paymentId);
    assert(payment !== undefined && invoice.status !== 'draft', 'Only a payment on record is charged.');
    try {
      return await mesh.call(
        chargePayment,
        {
          params: { paymentId },
          body: {
            invoiceId: invoice.id,
            customerId: invoice.customerId,
            amount: toMoneyView(payment.amount),
            method: toMethod(payment.method),
            description: invoice.number.slice(-MAX_DESCRIPTION),
          },
        },
        { tenantId: principal.tenantId, onBehalfOf: invoice.customerId, timeoutMs: TIMEOUT_MS },
      );
    } catch (error) {
      if (endsPayment(error)) {
        await databases.withTenant(principal.tenantId, (uow) => endRefusedPayment(uow, invoice.id, paymentId));
      }
      throw error;
    }
  };

/** A conflict would mean that payments has this payment already, on other terms: then it may still be paid. */
const endsPayment = (error: unknown): boolean =>
  error instanceof Problem && !isTransient(error) && error.kind.code !== conflict.kind.code;

async function endRefusedPayment(uow: BillingUnitOfWork, invoiceId: Id<'inv'>, paymentId: PaymentId): Promise<void> {
  const loaded = await loadInvoice(uow, invoiceId);
  assert(loaded !== null);
  const events = failPayment(loaded.invoice, { paymentId, reason: 'refused', failedAt: uow.now });
  await saveInvoice(uow, loaded, events, { principal: billing(uow.tenantId), action: 'invoice:end-payment' });
}

/** What billing does of its own accord, it does as itself. */
export const billing = (tenantId: TenantId): Principal => servicePrincipal('billing', tenantId);

function toMethod(method: PaymentMethodFact | null): PaymentMethod {
  const fact: unknown = method;
  assert(Value.Check(PaymentMethodSchema, fact), 'A requested payment has a method.');
  return fact;
}
