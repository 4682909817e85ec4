import { mayReach, type Principal } from '@tenantry/auth/principal.ts';
import type { InvoiceId, PaymentId } from '@tenantry/kernel/id.ts';
import type { PaymentMethod, PaymentViewBody } from '@tenantry/payments/contract/schemas.ts';
import { requestPayment } from '../domain/follow-payment.ts';
import type { Invoice } from '../domain/invoice.ts';
import { loadInvoice } from '../store/invoices.ts';
import { chargeInvoice, scheduleCharge } from './charge-invoice.ts';
import type { BillingDeps } from './deps.ts';
import { noSuchInvoice } from './read-invoice.ts';
import { saveInvoice } from './save-invoice.ts';

/** Asks for the payment of an open invoice: the intent first, then, outside of the transaction, payments. */
export const payInvoice = ({ databases, mesh }: Pick<BillingDeps, 'databases' | 'mesh'>) => {
  const charge = chargeInvoice({ databases, mesh });
  return async (
    principal: Principal,
    invoiceId: InvoiceId,
    request: { readonly paymentId: PaymentId; readonly paymentMethod: PaymentMethod },
  ): Promise<{ readonly invoice: Invoice; readonly payment: PaymentViewBody }> => {
    const { paymentId, paymentMethod: method } = request;
    const invoice = await databases.withTenant(principal.tenantId, async (uow) => {
      const loaded = await loadInvoice(uow, invoiceId);
      if (loaded === null || !mayReach(principal, 'invoice:pay', loaded.invoice.customerId)) {
        throw noSuchInvoice(invoiceId);
      }
      const events = requestPayment(loaded.invoice, { paymentId, cause: 'pay', method });
      if (events.length > 0) await scheduleCharge(uow, paymentId);
      return saveInvoice(uow, loaded, events, { principal, action: 'invoice:pay' });
    });
    return { invoice, payment: await charge(principal, invoice, paymentId) };
  };
};
