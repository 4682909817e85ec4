import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProcess } from '../../shared/test/start-process.ts';
import { authorization, bankTransfer, serverKey } from './harness.ts';

describe('The process', () => {
  it('keeps its state in TENANTRY_DATA_DIR', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'midtrans-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const headers = { authorization: authorization(serverKey), 'content-type': 'application/json' };
    const first = await startProcess('midtrans', { TENANTRY_DATA_DIR: folder });
    await fetch(`${first.url}/v2/charge`, { method: 'POST', headers, body: JSON.stringify(bankTransfer('mine')) });
    first.child.kill('SIGTERM');
    expect(await first.exited).toEqual([0, null]);

    const second = await startProcess('midtrans', { TENANTRY_DATA_DIR: folder });
    const status = await (await fetch(`${second.url}/v2/mine/status`, { headers })).json();
    expect(status).toMatchObject({ transaction_status: 'pending' });
  });
});
