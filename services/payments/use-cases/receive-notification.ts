import type { TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import { isPaymentId } from '../domain/payment.ts';
import { paymentNotFound, webhookRefused } from '../problems.ts';
import { isGenuine, type SignedNotification } from '../provider/signature.ts';
import { loadPayment } from '../store/payment-streams.ts';
import { learnFromProvider } from './learn-from-provider.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/**
 * A notification only says where to look: its signature does not cover the status, and a genuine body can be sent
 * again with another one. So the provider is asked, and its answer counts. Throws when it cannot be asked, so that
 * Midtrans sends the notification again; the due row asks in any case.
 */
export const receiveNotification =
  ({ databases, accounts, provider }: Pick<PaymentsDeps, 'databases' | 'accounts' | 'provider'>) =>
  async (tenantId: TenantId, notification: SignedNotification): Promise<void> => {
    // The key is the one of the tenant in the path; nothing in the body is believed before it fits.
    const account = await accounts.find(tenantId);
    if (account === null || !isGenuine(notification, account.serverKey)) {
      throw webhookRefused('The signature does not fit. Check the server key of this tenant and the address.');
    }
    const id = notification.order_id;
    const stream = isPaymentId(id)
      ? await databases.withTenant.read(tenantId, (reader) => loadPayment(reader, id))
      : null;
    if (stream === null) throw paymentNotFound('This tenant has no such payment.');
    const seen = await provider.ask(account, stream.payment);
    if (seen === null) throw upstreamUnavailable('Midtrans does not show this payment yet. Send it again.');
    await learnFromProvider({ databases })(tenantId, stream.payment.id, seen);
  };
