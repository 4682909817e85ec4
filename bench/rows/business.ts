import { expectAnswer } from '@tenantry/deploy/demo/api.ts';
import { Agent, request } from 'undici';
import type { Stand } from '../stand.ts';
import { timeSequentially } from '../statistics.ts';
import { ms, type Row } from '../table.ts';

/** What a client sees of the business services, through the gateway, one after the other. */
export async function businessRows(stand: Stand): Promise<Row[]> {
  const agent = new Agent({ connections: 1 });
  const base = stand.system.addresses.gateway;
  const call = async (method: 'GET' | 'POST', path: string, token: string, body?: unknown): Promise<void> => {
    const answer = await request(`${base}${path}`, {
      method,
      dispatcher: agent,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.statusCode >= 300) throw new Error(`${path} answered ${answer.statusCode}: ${await answer.body.text()}`);
    await answer.body.dump();
  };
  const { token } = stand.customer;
  const me = await timeSequentially(400, () => call('GET', '/v1/me', token));
  const check = await timeSequentially(400, () => call('GET', '/v1/entitlements', token));
  const consume = await timeSequentially(400, () =>
    call('POST', '/v1/entitlements/api-calls/consume', token, { amount: 1 }),
  );
  const pdf = await timeSequentially(100, () => call('GET', `/v1/invoices/${stand.order.invoiceId}/pdf`, token));
  const admin = stand.tenant.adminToken;
  const invoice = await timeSequentially(60, async () => {
    const { id } = await expectAnswer<{ id: string }>(201, `${base}/v1/invoices`, 'POST', {
      token: admin,
      body: {
        customerId: stand.customer.id,
        lines: [{ description: 'Consulting', quantity: 2, unitPrice: { amount: '2500000', currency: 'IDR' } }],
      },
    });
    await call('POST', `/v1/invoices/${id}/finalize`, admin);
    await call('GET', `/v1/invoices/${id}/pdf`, admin);
  });
  await agent.close();
  const ratio = (p50: number): string => `${(p50 / me.p50).toFixed(1)} x GET /v1/me (${ms(me.p50)})`;
  return [
    {
      what: 'Entitlement check (GET /v1/entitlements)',
      p50: ms(check.p50),
      p99: ms(check.p99),
      ratio: ratio(check.p50),
      budget: '15 ms',
    },
    {
      what: 'Consume one unit of a quota',
      p50: ms(consume.p50),
      p99: ms(consume.p99),
      ratio: ratio(consume.p50),
      budget: '50 ms',
    },
    {
      what: 'Invoice PDF (embedded font)',
      p50: ms(pdf.p50),
      p99: ms(pdf.p99),
      ratio: ratio(pdf.p50),
      budget: '100 ms',
    },
    {
      what: 'Invoice: draft, finalize and PDF, three calls',
      p50: ms(invoice.p50),
      p99: ms(invoice.p99),
      ratio: ratio(invoice.p50),
      budget: '100 ms',
    },
  ];
}
