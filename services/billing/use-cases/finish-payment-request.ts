import { isTransient } from '@tenantry/kernel/problem.ts';
import type { DueWork } from '@tenantry/kit/due/ticker.ts';
import { paymentUnderWay } from '../domain/invoice.ts';
import { findInvoiceByPayment } from '../store/invoices.ts';
import { billing, chargeInvoice } from './charge-invoice.ts';
import type { BillingDeps } from './deps.ts';

/**
 * Some time after a payment was asked for: if nothing has been heard of it, asks once more, whether or not the first
 * call got through. Payments knows the payment's id, so asking twice changes nothing there.
 */
export const finishPaymentRequest = ({ databases, mesh }: Pick<BillingDeps, 'databases' | 'mesh'>) => {
  const charge = chargeInvoice({ databases, mesh });
  return async ({ tenantId, uuid }: Pick<DueWork, 'tenantId' | 'uuid'>): Promise<void> => {
    const invoice = await databases.withTenant.read(tenantId, (reader) => findInvoiceByPayment(reader, uuid));
    if (invoice?.status !== 'open') return;
    const payment = paymentUnderWay(invoice);
    if (payment === undefined) return;
    try {
      await charge(billing(tenantId), invoice, payment.id);
    } catch (error) {
      // A refusal has ended the payment, which is an answer; anything else is tried again.
      if (isTransient(error)) throw error;
    }
  };
};
