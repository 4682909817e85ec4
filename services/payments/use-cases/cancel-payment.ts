import { mayReach, type Principal } from '@tenantry/auth/principal.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { PaymentId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { cannotCancel, requireCancelable } from '../domain/commands.ts';
import { type PaymentRecord, toPaymentRecord } from '../domain/payment-record.ts';
import { paymentNotConfigured, paymentNotFound } from '../problems.ts';
import { loadPaymentForUpdate } from '../store/payment-streams.ts';
import { learnFromProvider } from './learn-from-provider.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/**
 * The provider decides: only what it canceled is canceled, because until then the payer can still pay. A repeat asks
 * again, and finds it done.
 */
export const cancelPayment =
  ({ databases, accounts, provider }: Pick<PaymentsDeps, 'databases' | 'accounts' | 'provider'>) =>
  async (principal: Principal, id: PaymentId): Promise<PaymentRecord> => {
    const { tenantId } = principal;
    const { payment } = await databases.withTenant(tenantId, async (uow) => {
      const stream = await loadPaymentForUpdate(uow, id);
      if (stream === null || !mayReach(principal, 'payment:cancel', stream.payment.customerId)) {
        throw paymentNotFound(`There is no payment ${id}.`);
      }
      if (stream.payment.standing === 'canceled') return stream;
      requireCancelable(stream.payment);
      await recordAudit(uow as TenantUnitOfWork, principal, { action: 'payment:cancel', resource: id });
      return stream;
    });
    if (payment.standing === 'canceled') return toPaymentRecord(payment);

    const account = await accounts.find(tenantId);
    if (account === null) throw paymentNotConfigured('This tenant has no payment provider any more.');
    const seen = (await provider.cancel(account, payment)) ?? (await provider.ask(account, payment));
    if (seen === null) throw upstreamUnavailable('Midtrans does not show this payment right now. Try again shortly.');
    const { payment: after } = await learnFromProvider({ databases })(tenantId, id, seen);
    if (after.standing !== 'canceled') throw cannotCancel(after);
    return toPaymentRecord(after);
  };
