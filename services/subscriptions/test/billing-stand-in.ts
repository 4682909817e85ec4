import { createServer } from 'node:http';
import type { collectInvoice, readInvoiceStanding } from '@tenantry/billing/contract/invoices.ts';
import type { BodyOf, ResponseOf } from '@tenantry/contract/endpoint.ts';
import { canonicalJson } from '@tenantry/kernel/canonical-json.ts';
import type { InvoiceId } from '@tenantry/kernel/id.ts';
import { registerStandIn } from '../../../tests/support/register-stand-in.ts';
import type { World } from '../../../tests/support/world.ts';

type Body = BodyOf<typeof collectInvoice>;
type Collected = ResponseOf<typeof collectInvoice>;
type Standing = ResponseOf<typeof readInvoiceStanding>;
export type Mood = 'pending' | 'processing' | 'refuses' | 'down';

/**
 * Billing as subscriptions sees it: what collects, what ends a collection, and what says how an invoice stands, found in
 * the registry. Its invoices stay open until a story says otherwise. Idempotent by the invoice's id as the real one
 * is, and strict about it: a repeat with other contents fails the test that made it.
 */
export async function openBillingStandIn(world: World) {
  const requests: { invoiceId: InvoiceId; body: Body }[] = [];
  const bodies = new Map<string, string>();
  const contradictions: string[] = [];
  const ended: InvoiceId[] = [];
  const standings = new Map<string, Standing>();
  let mood: Mood = 'pending';

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const answer = (status: number, body: unknown): void => {
      response
        .writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
        .end(JSON.stringify(body));
    };
    if (mood === 'down') return answer(503, { code: 'upstream-unavailable', title: 'away', detail: 'away' });
    const [, id, verb] = /^\/internal\/invoices\/(inv_[^/]+)\/([a-z-]+)$/.exec(request.url ?? '') ?? [];
    const invoiceId = id as InvoiceId;
    if (verb !== 'collect') {
      const standing = standings.get(invoiceId);
      if (standing === undefined) return answer(404, { code: 'not-found', title: 'Not found', detail: 'Not found' });
      if (verb !== 'end-collection') return answer(200, standing);
      ended.push(invoiceId);
      const after = standing.invoice.status === 'open' ? standingAs(standing, { status: 'void' }) : standing;
      standings.set(invoiceId, after);
      return answer(200, after);
    }
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Body;
    requests.push({ invoiceId, body });
    const bytes = canonicalJson(body);
    if ((bodies.get(invoiceId) ?? bytes) !== bytes) contradictions.push(invoiceId);
    bodies.set(invoiceId, bytes);
    if (mood === 'refuses') {
      return answer(422, {
        code: 'payment-method-refused',
        title: 'The provider does not take this payment',
        detail: 'Try another bank.',
      });
    }
    const made = collected(invoiceId, body, mood);
    if (!standings.has(invoiceId)) {
      standings.set(invoiceId, { invoice: made.invoice, version: 3, isPaymentUnderWay: false });
    }
    return answer(200, made);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const registration = await registerStandIn({
    hubUrl: world.urlOf('hub'),
    service: 'billing',
    url: `http://127.0.0.1:${address.port}`,
  });

  return {
    requests,
    contradictions,
    /** The invoices whose collection was ended, in the order in which it was asked for. */
    ended,
    /** What billing knows of an invoice, whether or not anybody was told. */
    know(invoiceId: InvoiceId, change: Knowledge): void {
      const standing = standings.get(invoiceId);
      if (standing === undefined) throw new Error(`${invoiceId} was never collected.`);
      standings.set(invoiceId, standingAs(standing, change));
    },
    be(next: Mood): void {
      mood = next;
    },
    async close(): Promise<void> {
      await registration.leave();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Knowledge = { readonly status?: 'open' | 'paid' | 'void'; readonly isPaymentUnderWay?: boolean };

/** Every change is an event, so the version grows: by more than what stories tell by hand. */
const standingAs = ({ invoice, version, isPaymentUnderWay }: Standing, change: Knowledge): Standing => ({
  invoice: { ...invoice, status: change.status ?? invoice.status },
  version: version + 10,
  isPaymentUnderWay: change.isPaymentUnderWay ?? isPaymentUnderWay,
});

function collected(invoiceId: InvoiceId, body: Body, mood: Mood): Collected {
  const at = '2026-11-21T09:30:00.000Z';
  const price = body.lines[0]?.unitPrice ?? { amount: '0', currency: 'IDR' };
  const nothing = { amount: '0', currency: price.currency };
  return {
    invoice: {
      id: invoiceId,
      status: 'open',
      number: 'ACME-2026-000001',
      customerId: body.customerId,
      subscriptionId: body.subscriptionId,
      paymentId: body.paymentId,
      lines: body.lines.map((line) => ({ ...line, amount: line.unitPrice, period: line.period ?? null })),
      subtotal: price,
      tax: nothing,
      taxes: [],
      total: price,
      amountPaid: nothing,
      amountRefunded: nothing,
      amountCredited: nothing,
      finalizedAt: at,
      dueAt: at,
      paidAt: null,
      voidedAt: null,
      createdAt: at,
    },
    payment: {
      id: body.paymentId,
      status: mood === 'processing' ? 'processing' : 'pending',
      amount: price,
      refundedAmount: nothing,
      method: body.paymentMethod,
      instructions: mood === 'processing' ? null : { bank: 'bca', vaNumber: '8808123456' },
      invoiceId,
      customerId: body.customerId,
      expiresAt: null,
      settledAt: null,
      createdAt: at,
    },
  };
}
