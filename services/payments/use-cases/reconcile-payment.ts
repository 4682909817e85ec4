import type { PaymentId, TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { presumeExpired } from '../domain/commands.ts';
import type { Payment } from '../domain/payment.ts';
import {
  isChargeUnfinished,
  isOverdue,
  isSilenceOver,
  isWorthAsking,
  nextReconciliationAt,
} from '../domain/reconciliation.ts';
import { paymentNotConfigured } from '../problems.ts';
import type { MidtransAccount } from '../provider/midtrans-account.ts';
import { ToldNothing } from '../provider/told-nothing.ts';
import { loadPayment } from '../store/payment-streams.ts';
import type { AttemptCharge } from './attempt-charge.ts';
import { isSilence } from './is-silence.ts';
import { changePayment, learnFromProvider } from './learn-from-provider.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/**
 * Asks the provider about a payment that it has been silent about, and finishes a charge that was begun. Silence that
 * lasts until long after the payment's time ends it. Answers when to do it again; undefined when nothing more is expected.
 */
export const reconcilePayment = ({
  databases,
  accounts,
  provider,
  clock,
  logger,
  attemptCharge,
}: Pick<PaymentsDeps, 'databases' | 'accounts' | 'provider' | 'clock' | 'logger'> & {
  readonly attemptCharge: AttemptCharge;
}) => {
  const load = (tenantId: TenantId, id: PaymentId) =>
    databases.withTenant.read(tenantId, async (reader) => (await loadPayment(reader, id))?.payment ?? null);

  const ask = async (account: MidtransAccount, payment: Payment): Promise<void> => {
    const seen = await provider.ask(account, payment);
    if (seen === null) {
      const cause = new ToldNothing('Midtrans has never heard of it.');
      throw upstreamUnavailable('Midtrans does not show this payment.', { cause });
    }
    // QRIS payments have been seen pending long after their expiry; told to expire, they do, unless they were paid.
    const final = isOverdue(payment, seen)
      ? ((await provider.expire(account, payment)) ?? (await provider.ask(account, payment)))
      : seen;
    await learnFromProvider({ databases })(account.tenantId, payment.id, final ?? seen);
  };

  const reconcile = async (tenantId: TenantId, payment: Payment): Promise<void> => {
    const account = await accounts.find(tenantId);
    if (account === null) throw paymentNotConfigured('This tenant has no payment provider any more.');
    if (isChargeUnfinished(payment, clock.now())) await attemptCharge(tenantId, account, payment, { isFirst: false });
    else await ask(account, payment);
  };

  const giveUp = (tenantId: TenantId, id: PaymentId) =>
    databases.withTenant(tenantId, (uow) => changePayment(uow, id, presumeExpired));

  return async (tenantId: TenantId, id: PaymentId): Promise<Temporal.Instant | undefined> => {
    const before = await load(tenantId, id);
    if (before === null) return undefined;
    let after = before;
    if (isWorthAsking(before, clock.now())) {
      try {
        await reconcile(tenantId, before);
      } catch (error) {
        if (isSilence(error) && isSilenceOver(before, clock.now())) await giveUp(tenantId, id);
        logger.warn(
          { err: error, tenantId, paymentId: id },
          'a payment could not be reconciled; it will be tried again',
        );
      }
      after = (await load(tenantId, id)) ?? before;
    }
    return nextReconciliationAt(after, clock.now()) ?? undefined;
  };
};
