import type { Principal } from '@tenantry/auth/principal.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { PaymentId } from '@tenantry/kernel/id.ts';
import type { Problem } from '@tenantry/kernel/problem.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { type ChargeCommand, KEY_REFUSED, requestPayment, requireSameRequest } from '../domain/commands.ts';
import type { Payment } from '../domain/payment.ts';
import { type PaymentRecord, toPaymentRecord } from '../domain/payment-record.ts';
import { firstAttemptAt, isChargeUnfinished } from '../domain/reconciliation.ts';
import { paymentMethodRefused, paymentNotConfigured } from '../problems.ts';
import { createPayment, loadPayment, type PaymentStream } from '../store/payment-streams.ts';
import type { PaymentsUnitOfWork } from '../store/tables.ts';
import type { AttemptCharge } from './attempt-charge.ts';
import { PAYMENT_RECONCILIATION } from './due-kinds.ts';
import { isKeyRefused } from './is-key-refused.ts';
import { isOutcomeUnknown } from './is-outcome-unknown.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/**
 * Intent, provider, answer: two units of work with the call between them. A repeat with the same id goes on from what
 * is committed. Where the provider's answer is unknown the payment stays `processing`, and the due row finishes it.
 */
export const chargePayment =
  ({
    databases,
    accounts,
    clock,
    logger,
    attemptCharge,
  }: Pick<PaymentsDeps, 'databases' | 'accounts' | 'clock' | 'logger'> & { readonly attemptCharge: AttemptCharge }) =>
  async (principal: Principal, id: PaymentId, command: ChargeCommand): Promise<PaymentRecord> => {
    const { tenantId } = principal;
    const account = await accounts.ensure(tenantId).catch(async (error: unknown) => {
      // Without an account nothing is begun; what was begun with one goes on, and must not be taken for refused.
      if (!isKeyRefused(error)) throw error;
      const known = await databases.withTenant.read(tenantId, (reader) => loadPayment(reader, id));
      if (known === null) throw error;
      return null;
    });
    const intent = await databases.withTenant(tenantId, (uow) => recordIntent(uow, principal, id, command));
    let { payment } = intent.stream;
    if (account !== null && isChargeUnfinished(payment, clock.now())) {
      try {
        ({ payment } = await attemptCharge(tenantId, account, payment, { isFirst: intent.isNew }));
      } catch (error) {
        if (!isOutcomeUnknown(error)) throw error;
        logger.warn(
          { err: error, tenantId, paymentId: id },
          'the outcome of a charge is unknown; it will be asked for',
        );
      }
    }
    const refusal = refusalOf(payment);
    if (refusal !== null) throw refusal;
    return toPaymentRecord(payment);
  };

async function recordIntent(
  uow: PaymentsUnitOfWork,
  principal: Principal,
  id: PaymentId,
  command: ChargeCommand,
): Promise<{ readonly stream: PaymentStream; readonly isNew: boolean }> {
  const known = await loadPayment(uow, id);
  if (known !== null) {
    requireSameRequest(known.payment, command);
    return { stream: known, isNew: false };
  }
  const stream = await createPayment(uow, id, requestPayment(command));
  await schedule(uow as TenantUnitOfWork, PAYMENT_RECONCILIATION, id, firstAttemptAt(uow.now));
  await recordAudit(uow as TenantUnitOfWork, principal, {
    action: 'payment:charge',
    resource: id,
    detail: { invoiceId: command.invoiceId, customerId: command.customerId, amount: command.amount },
  });
  return { stream, isNew: true };
}

function refusalOf(payment: Payment): Problem | null {
  if (payment.standing !== 'denied' || payment.refusalCode === null) return null;
  if (payment.refusalCode === KEY_REFUSED) {
    return paymentNotConfigured('Midtrans does not take the server key of this tenant. Have an admin set it again.');
  }
  return paymentMethodRefused(
    `Midtrans does not take payment ${payment.id} (code ${payment.refusalCode}). Choose another method or amount.`,
  );
}
