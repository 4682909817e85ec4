import type { TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { abandonPayment, denyPayment, KEY_REFUSED } from '../domain/commands.ts';
import { type Observation, observe } from '../domain/observe.ts';
import type { Payment } from '../domain/payment.ts';
import type { PaymentEvent } from '../domain/payment-events.ts';
import { isAbandoned } from '../domain/reconciliation.ts';
import type { MidtransAccount } from '../provider/midtrans-account.ts';
import type { PaymentStream } from '../store/payment-streams.ts';
import { isKeyRefused } from './is-key-refused.ts';
import { changePayment } from './learn-from-provider.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/**
 * Brings a payment whose intent is committed to the provider, and writes down the answer. Safe to do again: all
 * attempts of a payment carry one order id and one Idempotency-Key, and every one but the first asks before it charges.
 * Throws when the outcome is unknown.
 */
export const attemptCharge =
  ({ databases, provider, clock, logger }: Pick<PaymentsDeps, 'databases' | 'provider' | 'clock' | 'logger'>) =>
  async (
    tenantId: TenantId,
    account: MidtransAccount,
    payment: Payment,
    { isFirst }: { readonly isFirst: boolean },
  ): Promise<PaymentStream> => {
    const save = (decide: (payment: Payment, now: Temporal.Instant) => readonly PaymentEvent[]) =>
      databases.withTenant(tenantId, (uow) => changePayment(uow, payment.id, (current) => decide(current, uow.now)));
    const learn = (seen: Observation) => save((current, now) => observe(current, seen, now));

    const before = isFirst ? null : await provider.ask(account, payment);
    // The status of a wallet payment lacks the code to pay with; the repeated charge is answered with it.
    const isCodeMissing = before?.standing === 'pending' && (before.instructions ?? payment.instructions) === null;
    if (before !== null && !isCodeMissing) return learn(before);
    if (before === null && isAbandoned(payment, clock.now())) return save(abandonPayment);

    const answer = await provider.charge(account, payment).catch((error: unknown) => {
      // Only of the very first attempt it is certain that nothing reached an account before.
      if (isFirst && isKeyRefused(error)) return { kind: 'refused' as const, code: KEY_REFUSED };
      throw error;
    });
    switch (answer.kind) {
      case 'observed':
        return learn(answer.observation);
      case 'duplicate': {
        const seen = before ?? (await provider.ask(account, payment));
        if (seen === null) throw upstreamUnavailable('Midtrans knows this payment and does not show it yet.');
        return learn(seen);
      }
      case 'refused':
        logger.warn({ tenantId, paymentId: payment.id, code: answer.code }, 'the provider does not take a payment');
        return before === null ? save((current) => denyPayment(current, answer.code)) : learn(before);
    }
  };

export type AttemptCharge = ReturnType<typeof attemptCharge>;
