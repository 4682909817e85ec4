import type { Principal } from '@tenantry/auth/principal.ts';
import { type CustomerId, type InvoiceId, type PaymentId, type SubscriptionId, uuidOf } from '@tenantry/kernel/id.ts';
import { conflict, invalidTransition } from '@tenantry/kernel/problems.ts';
import type { PaymentMethod, PaymentViewBody } from '@tenantry/payments/contract/schemas.ts';
import { evolve } from '../domain/evolve.ts';
import { requestPayment } from '../domain/follow-payment.ts';
import { findPayment, type Invoice, type PaymentCause } from '../domain/invoice.ts';
import type { NewLine } from '../domain/invoice-line.ts';
import { assertFinalizable, draftInvoice, finalizeInvoice } from '../domain/issue-invoice.ts';
import { taxSchemeOf } from '../domain/tax.ts';
import { paymentRefused } from '../problems.ts';
import { sealParties, writeParties } from '../store/invoice-parties.ts';
import { loadInvoice } from '../store/invoices.ts';
import { chargeInvoice, scheduleCharge } from './charge-invoice.ts';
import type { BillingDeps } from './deps.ts';
import { drawNumber } from './draw-number.ts';
import { readParties } from './read-parties.ts';
import { saveInvoice } from './save-invoice.ts';

export type Collection = {
  readonly invoiceId: InvoiceId;
  readonly paymentId: PaymentId;
  readonly customerId: CustomerId;
  readonly subscriptionId: SubscriptionId;
  readonly lines: readonly NewLine[];
  readonly paymentMethod: PaymentMethod;
  /** An order becomes void with its payment; a renewal stays open. */
  readonly purpose: Exclude<PaymentCause, 'pay'>;
  /** The day on the invoice, and the year of its number. */
  readonly orderedAt: Temporal.Instant;
};

/**
 * Draft, finalise and charge in one go. The invoice, its number, its entry in the books and the intent to charge commit
 * together; the charge follows outside of the transaction. A repeat finds the invoice and repeats the charge alone.
 */
export const collectInvoice = ({ databases, mesh, tenants, dataKeys, turnstile, terms }: BillingDeps) => {
  const deps = { databases, mesh, tenants, dataKeys, turnstile, terms };
  const charge = chargeInvoice(deps);
  return async (
    principal: Principal,
    collection: Collection,
  ): Promise<{ readonly invoice: Invoice; readonly payment: PaymentViewBody }> => {
    const { tenantId } = principal;
    const known = await databases.withTenant.read(tenantId, (reader) => loadInvoice(reader, collection.invoiceId));
    const invoice = known?.invoice ?? (await issue(deps, principal, collection));
    assertCollectable(invoice, collection);
    return { invoice, payment: await charge(principal, invoice, collection.paymentId) };
  };
};

async function issue(deps: BillingDeps, principal: Principal, collection: Collection): Promise<Invoice> {
  const tenant = await deps.tenants.get(principal.tenantId);
  const taxScheme = taxSchemeOf(tenant);
  const drafted = draftInvoice(collection, {
    currency: tenant.currency,
    taxScheme,
    createdAt: collection.orderedAt,
  });
  const draft = evolve(null, drafted);
  assertFinalizable(draft);
  const parties = await readParties(deps)(tenant, collection.customerId);
  return deps.turnstile(tenant.id, () =>
    deps.databases.withTenant(tenant.id, async (uow) => {
      const known = await loadInvoice(uow, collection.invoiceId);
      if (known !== null) return known.invoice;
      const sealed = await sealParties(uow, deps.dataKeys, draft, parties);
      const finalized = finalizeInvoice(draft, {
        number: await drawNumber(uow, tenant, collection.orderedAt),
        taxScheme,
        timeZone: tenant.timeZone,
        finalizedAt: collection.orderedAt,
        finalizedBy: uuidOf(collection.paymentId),
        termDays: deps.terms.collectDays,
      });
      const requested = requestPayment(evolve(draft, finalized), {
        paymentId: collection.paymentId,
        cause: collection.purpose,
        method: collection.paymentMethod,
      });
      const invoice = await saveInvoice(uow, null, [drafted, finalized, ...requested], {
        principal,
        action: 'invoice:collect',
      });
      writeParties(uow, invoice.id, sealed);
      await scheduleCharge(uow, collection.paymentId);
      return invoice;
    }),
  );
}

/** Whether charging (again) is what this collection asks for, now that its invoice is there. */
function assertCollectable(invoice: Invoice, collection: Collection): void {
  const payment = findPayment(invoice, collection.paymentId);
  const isSame =
    invoice.customerId === collection.customerId &&
    invoice.subscriptionId === collection.subscriptionId &&
    payment?.cause === collection.purpose;
  if (!isSame) throw conflict(`Invoice ${invoice.id} exists already, for something else.`);
  if (payment.status === 'failed' && payment.cause === 'renewal') {
    // Asking payments again could make a payment beside the one by which somebody pays the open invoice meanwhile.
    throw paymentRefused('The payment of this renewal failed. Its invoice can be paid another way.');
  }
  if (invoice.status !== 'void' || payment.status !== 'requested') {
    if (invoice.status !== 'void' || invoice.voidReason !== 'payment-refused') return;
    throw paymentRefused('The payment of this order was refused, and the order with it. Order again.');
  }
  // Payments may not know of this payment yet; asking now would make one for an invoice that nobody wants paid.
  throw invalidTransition('This invoice was declared void. Order again.', { extensions: { from: 'void', to: 'paid' } });
}
