import { randomBytes } from 'node:crypto';
import { request } from '@tenantry/deploy/demo/api.ts';
import { type Customer, type MainJob, newBotToken, type Order, type Tenant } from '@tenantry/deploy/demo/main-job.ts';
import { traceIdOf } from '@tenantry/kernel/trace-parent.ts';
import { paymentSettled } from '@tenantry/payments/contract/events.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWholeWorld } from '../support/whole-world.ts';
import type { World } from '../support/world.ts';

type Span = {
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly isParentMissing: boolean;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly startOffsetMs: number;
  readonly durationMs: number;
  readonly status: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly children: readonly Span[];
};
type Trace = { traceId: string; spanCount: number; services: string[]; durationMs: number; spans: Span[] };

// Long: four digits come up by chance among the ids and times of a trace.
const CHAT = 6_001_734_985_216;
const EMAIL = 'budi@traces.example';

let world: World;
let job: MainJob;
let operatorToken: string;
let tenant: Tenant;
let customer: Customer;
let botToken: string;
let traceId: string;
let other: Tenant;
let order: Order & { readonly traceId: string };

const flat = (spans: readonly Span[]): Span[] => spans.flatMap((span) => [span, ...flat(span.children)]);
const labels = (spans: readonly Span[]): string[] => flat(spans).map(({ service, name }) => `${service}: ${name}`);

/** From the root down to a span. */
function pathTo(spans: readonly Span[], spanId: string): string[] {
  for (const span of spans) {
    const label = `${span.service}: ${span.name}`;
    if (span.spanId === spanId) return [label];
    const below = pathTo(span.children, spanId);
    if (below.length > 0) return [label, ...below];
  }
  return [];
}

const BOUGHT = [
  'gateway: POST /v1/subscriptions',
  'subscriptions: POST /v1/subscriptions',
  'subscriptions: send subscriptions.subscription.created.v1',
  'billing: send billing.invoice.finalized.v1',
  'users: postgresql read',
  'payments: midtrans POST /v2/charge',
];
const SETTLED = [
  'payments: send payments.payment.settled.v1',
  'billing: process payments.payment.settled.v1',
  'subscriptions: process billing.invoice.paid.v1',
  'notifications: telegram sendMessage',
];

const ask = (id: string, token: string) => request<Trace>(`${world.gatewayUrl}/v1/traces/${id}`, 'GET', { token });

/** A subscription is bought, with a trace id that the client chose. */
async function subscribe(): Promise<Order & { readonly traceId: string }> {
  const planId = await job.findPlan(customer.token, 'pro');
  const id = randomBytes(16).toString('hex');
  const answer = await fetch(`${world.gatewayUrl}/v1/subscriptions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${customer.token}`,
      'content-type': 'application/json',
      traceparent: `00-${id}-00f067aa0ba902b7-01`,
    },
    body: JSON.stringify({ planId, paymentMethod: { type: 'bank_transfer', bank: 'bca' } }),
  });
  expect(answer.status).toBe(201);
  const body = (await answer.json()) as {
    id: string;
    latestInvoiceId: string;
    payment: { id: string; amount: Order['amount']; instructions: { vaNumber: string } };
  };
  return {
    traceId: answer.headers.get('x-trace-id') ?? '',
    subscriptionId: body.id,
    invoiceId: body.latestInvoiceId,
    paymentId: body.payment.id,
    vaNumber: body.payment.instructions.vaNumber,
    amount: body.payment.amount,
  };
}

describe.skipIf(inject('clickhouseUrl') === '')('The trace of a bought subscription', () => {
  beforeAll(async () => {
    ({ world, job, operatorToken } = await openWholeWorld({ TRACE_SAMPLE_RATIO: '1' }));
    tenant = await job.createTenant(operatorToken, 'traces');
    other = await job.createTenant(operatorToken, 'elsewhere');
    customer = await job.verify(tenant, EMAIL, await job.register(tenant, EMAIL));
    botToken = newBotToken();
    await job.registerBot(tenant, botToken);
    await job.linkTelegram(customer, CHAT);
    order = await subscribe();
    traceId = order.traceId;
    await job.pay(order);
    const { invoice } = await job.awaitOutcome(customer, order);
    await job.awaitReceipt(CHAT, invoice.number);
  }, 120_000);
  afterAll(() => world?.close());

  /** Asked until all of it has been written: each process does so about once a second. */
  const readTrace = (id: string, expected: readonly string[], token = tenant.adminToken): Promise<Trace> =>
    eventually(async () => {
      const answer = await ask(id, token);
      expect(answer.status).toBe(200);
      expect(labels(answer.body.spans)).toEqual(expect.arrayContaining([...expected]));
      return answer.body;
    });

  it('is one tree over gateway, services, databases, provider and events', async () => {
    const trace = await readTrace(traceId, BOUGHT);
    const all = flat(trace.spans);
    expect(trace.spanCount).toBe(all.length);
    expect(new Set(trace.services)).toEqual(new Set(all.map(({ service }) => service)));
    // The client's own step is not here, and that is said; everything else hangs together.
    expect(trace.spans.map(({ name, isParentMissing }) => ({ name, isParentMissing }))).toEqual([
      { name: 'POST /v1/subscriptions', isParentMissing: true },
    ]);
    const charge = all.find(({ name }) => name.startsWith('midtrans'));
    expect(pathTo(trace.spans, charge?.spanId ?? '')).toEqual([
      'gateway: POST /v1/subscriptions',
      'gateway: POST /v1/subscriptions',
      'subscriptions: POST /v1/subscriptions',
      'subscriptions: POST /internal/invoices/:invoiceId/collect',
      'billing: POST /internal/invoices/:invoiceId/collect',
      'billing: POST /internal/payments/:paymentId/charge',
      'payments: POST /internal/payments/:paymentId/charge',
      'payments: midtrans POST /v2/charge',
    ]);
    const told = all.find(({ name }) => name === 'send subscriptions.subscription.created.v1');
    expect(pathTo(trace.spans, told?.spanId ?? '').slice(-2)).toEqual([
      'subscriptions: postgresql transaction',
      'subscriptions: send subscriptions.subscription.created.v1',
    ]);
  });

  it('has no step that begins before the one it followed from, but for what clocks differ by', async () => {
    const { spans } = await readTrace(traceId, BOUGHT);
    const early = (span: Span): string[] =>
      span.children.flatMap((child) => [
        ...(child.startOffsetMs < span.startOffsetMs - 1_000 ? [`${span.name} > ${child.name}`] : []),
        ...early(child),
      ]);
    expect(spans.flatMap(early)).toEqual([]);
  });

  it('of the payment goes on through events, due work, the queue and the messenger', async () => {
    const settled = await world.heard(paymentSettled, ({ subject }) => subject === order.paymentId);
    const { spans } = await readTrace(traceIdOf(settled.traceparent), SETTLED, operatorToken);
    const telegram = flat(spans).find(({ name }) => name === 'telegram sendMessage');
    const path = pathTo(spans, telegram?.spanId ?? '');
    expect(path).toEqual(
      expect.arrayContaining([
        'payments: send payments.payment.settled.v1',
        'billing: process payments.payment.settled.v1',
        'billing: send billing.invoice.paid.v1',
        'notifications: process billing.invoice.paid.v1',
        'notifications: process notifications-send',
      ]),
    );
    // Each follows from the one before it: the receipt hangs under the webhook that reported the payment.
    expect(path.indexOf('payments: send payments.payment.settled.v1')).toBeLessThan(
      path.indexOf('billing: process payments.payment.settled.v1'),
    );
    expect(path.at(0)).toMatch(/^gateway: POST /);
  });

  it('shows nobody another tenant’s steps, and the platform everybody’s', async () => {
    await readTrace(traceId, BOUGHT);
    expect(await ask(traceId, other.adminToken)).toMatchObject({ status: 404, body: { code: 'not-found' } });
    expect(await ask(traceId, customer.token)).toMatchObject({ status: 403 });
    expect((await ask(traceId, operatorToken)).body.spanCount).toBeGreaterThan(0);
    // Both in one trace: each tenant sees its own part of it.
    const answer = await fetch(`${world.gatewayUrl}/v1/users?limit=1`, {
      headers: { authorization: `Bearer ${other.adminToken}`, traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    });
    expect(answer.headers.get('x-trace-id')).toBe(traceId);
    const theirs = await readTrace(traceId, ['gateway: GET /v1/users', 'users: GET /v1/users'], other.adminToken);
    expect(
      labels(theirs.spans).filter((label) => !label.includes('GET /v1/users') && !label.includes('postgresql')),
    ).toEqual([]);
    expect(labels((await readTrace(traceId, BOUGHT)).spans)).not.toContain('gateway: GET /v1/users');
    await readTrace(traceId, [...BOUGHT, 'gateway: GET /v1/users'], operatorToken);
  });

  it.each(['x', '0'.repeat(32), 'A'.repeat(32), `${'a'.repeat(31)}g`])(
    'is asked for by its id: %s is told so',
    async (id) => {
      const answer = await ask(id, tenant.adminToken);
      expect(answer).toMatchObject({
        status: 400,
        body: { code: 'validation-failed', errors: [{ path: 'path.traceId' }] },
      });
    },
  );

  it('that nobody wrote is 404', async () => {
    expect(await ask('ab'.repeat(16), tenant.adminToken)).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  it('holds no personal data, token, id of the order in an address, or value of a statement', async () => {
    const settled = await world.heard(paymentSettled, ({ subject }) => subject === order.paymentId);
    const traces = [
      await readTrace(traceId, BOUGHT, operatorToken),
      await readTrace(traceIdOf(settled.traceparent), SETTLED, operatorToken),
    ];
    const text = JSON.stringify(traces);
    for (const secret of [EMAIL, 'Budi', botToken, customer.token, order.vaNumber, String(CHAT), 'select ', '?'])
      expect(text).not.toContain(secret);
    for (const { name } of traces.flatMap(({ spans }) => flat(spans)))
      expect(name).not.toMatch(/[0-9a-f]{8}-|_01[a-z0-9]{24}/);
  });
});
