import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { createMidtransSimulator } from '../app.ts';
import { bankTransfer, qris, startMerchantEndpoint, startSimulator } from './harness.ts';

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'midtrans-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('With a state file', () => {
  it('a stopped simulator goes on where it was: open accounts, clock, keys, retries and confirmations', async () => {
    const dataFile = join(freshFolder(), 'deep', 'state.json');
    let status = 500;
    const endpoint = await startMerchantEndpoint(() => status);
    const headers = { 'x-override-notification': endpoint.url };
    const first = await startSimulator({ dataFile, random: () => 0.5 });
    const keyed = { 'idempotency-key': 'k', ...headers };
    const { body: charge } = await first.merchant('POST', '/v2/charge', bankTransfer('transfer'), keyed);
    await first.merchant('POST', '/v2/charge', qris('refunded'));
    await first.control('POST', '/simulator/pay', { orderId: 'refunded' });
    await first.merchant('POST', '/v2/refunded/refund', { amount: 1 });
    await first.merchant('POST', '/snap/v1/transactions', {
      transaction_details: { order_id: 'page', gross_amount: 1 },
    });
    await first.advance(10);
    await first.app.close();

    status = 200;
    const second = await startSimulator({ dataFile });
    const { body } = await second.merchant('GET', '/v2/transfer/status');
    expect(body).toMatchObject({ transaction_status: 'pending', va_numbers: charge['va_numbers'] });
    expect((await second.control('GET', '/simulator/clock')).body['offsetSeconds']).toBeGreaterThanOrEqual(10);
    const replay = await second.merchant('POST', '/v2/charge', bankTransfer('transfer'), keyed);
    expect(replay.body).toEqual(charge);
    expect((await second.merchant('POST', '/v2/charge', bankTransfer('page'))).body['status_code']).toBe('406');
    await second.advance(130);
    expect(endpoint.statuses()).toEqual(['pending', 'pending']);
    expect((await second.merchant('GET', '/v2/refunded/status')).body).toMatchObject({
      refunds: [{ bank_confirmed_at: expect.any(String) }],
    });
    await second.advance(86_400);
    expect((await second.merchant('GET', '/v2/transfer/status')).body['transaction_status']).toBe('expire');
  });

  it('writes by itself soon after a change, and leaves whole files only', async () => {
    const folder = freshFolder();
    const dataFile = join(folder, 'state.json');
    const { merchant } = await startSimulator({ dataFile });
    await merchant('POST', '/v2/charge', bankTransfer('mine'));
    await eventually(() => expect(readFileSync(dataFile, 'utf8')).toContain('"orderId":"mine"'));
    expect(readdirSync(folder)).toEqual(['state.json']);
    // It holds the keys of merchants.
    expect(statSync(dataFile).mode & 0o777).toBe(0o600);
  });

  it('sets an unreadable file aside and starts empty', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => said.mockRestore());
    const folder = freshFolder();
    writeFileSync(join(folder, 'state.json'), '{"version":1,');
    const { control } = await startSimulator({ dataFile: join(folder, 'state.json') });
    expect((await control('GET', '/simulator/transactions')).body).toEqual({ data: [] });
    expect(readdirSync(folder)).toEqual([expect.stringContaining('unreadable')]);
    expect(said).toHaveBeenCalledOnce();
  });

  it('refuses a file of another version', () => {
    const folder = freshFolder();
    writeFileSync(join(folder, 'state.json'), '{"version":2}');
    expect(() => createMidtransSimulator({ dataFile: join(folder, 'state.json') })).toThrow('another version');
  });
});
