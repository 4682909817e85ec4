import type { PaymentId, TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { paymentNotConfigured } from '../problems.ts';
import { loadPayment } from '../store/payment-streams.ts';
import { learnFromProvider } from './learn-from-provider.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/** With the waits of the ticker, which grow to ten minutes, about a day. */
const MAX_ATTEMPTS = 150;

/**
 * Asks once whether a settlement still stands when its bank can no longer take it back. Throws when it cannot be asked,
 * so that it is asked again; an account that has not answered for a day is left alone.
 */
export const checkReversal =
  ({ databases, accounts, provider, logger }: Pick<PaymentsDeps, 'databases' | 'accounts' | 'provider' | 'logger'>) =>
  async (tenantId: TenantId, id: PaymentId, attempts: number): Promise<undefined> => {
    const payment = await databases.withTenant.read(
      tenantId,
      async (reader) => (await loadPayment(reader, id))?.payment ?? null,
    );
    if (payment?.standing !== 'settled') return;
    try {
      const account = await accounts.find(tenantId);
      if (account === null) throw paymentNotConfigured('This tenant has no payment provider any more.');
      const seen = await provider.ask(account, payment);
      if (seen === null) throw upstreamUnavailable('Midtrans does not show this payment.');
      await learnFromProvider({ databases })(tenantId, id, seen);
    } catch (error) {
      if (attempts < MAX_ATTEMPTS) throw error;
      logger.error({ err: error, tenantId, paymentId: id }, 'whether a payment was taken back could not be asked');
    }
  };
