import { endCollection, readInvoiceStanding } from '@tenantry/billing/contract/invoices.ts';
import type { ResponseOf } from '@tenantry/contract/endpoint.ts';
import type { InvoiceId, TenantId } from '@tenantry/kernel/id.ts';
import { parseMoney } from '@tenantry/kernel/money.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import type { InvoiceFact } from '../domain/hear-invoice.ts';
import type { SubscriptionsDeps } from './deps.ts';

const TIMEOUT_MS = 4_000;

type Standing = ResponseOf<typeof readInvoiceStanding>;

/**
 * What billing would have told, had everything been heard.
 * @param verb `end-collection`: nothing is given for the invoice any more; an open one becomes void by being asked
 * @returns null when billing has no such invoice
 */
export async function askBilling(
  { mesh }: Pick<SubscriptionsDeps, 'mesh'>,
  tenantId: TenantId,
  verb: 'read' | 'end-collection',
  invoiceId: string,
): Promise<Standing | null> {
  const endpoint = verb === 'read' ? readInvoiceStanding : endCollection;
  try {
    return await mesh.call(
      endpoint,
      { params: { invoiceId: invoiceId as InvoiceId } },
      { tenantId, timeoutMs: TIMEOUT_MS },
    );
  } catch (error) {
    if (error instanceof Problem && error.kind.category === 'not-found') return null;
    throw error;
  }
}

/** The newest fact that this standing amounts to; null while the invoice is open, which decides nothing. */
export function factOf({ invoice, version }: Standing): InvoiceFact | null {
  const fact = { invoiceId: invoice.id, version };
  if (invoice.status === 'void') return { ...fact, kind: 'voided' };
  if (invoice.status !== 'paid') return null;
  const isRefunded = parseMoney(invoice.amountRefunded).minor >= parseMoney(invoice.total).minor;
  return { ...fact, kind: isRefunded ? 'refunded-in-full' : 'paid' };
}
