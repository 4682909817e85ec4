import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { authorization, bankTransfer, serverKey } from './harness.ts';

async function startProcess(environment: Record<string, string> = {}) {
  const entry = new URL('../start.ts', import.meta.url);
  const env = { ...process.env, PORT: '0', ...environment };
  const child: ChildProcess = fork(entry, { env, silent: true, execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let output = '';
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk);
    const baseUrl = /http:\/\/[\d.:]+/.exec(output)?.[0];
    if (baseUrl !== undefined) return { child, baseUrl, exited };
  }
  throw new Error(`did not start: ${output}`);
}

describe('The process', () => {
  it('is ready, keeps its state in TENANTRY_DATA_DIR, and ends on SIGTERM', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'midtrans-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const headers = { authorization: authorization(serverKey), 'content-type': 'application/json' };
    const first = await startProcess({ TENANTRY_DATA_DIR: folder });
    expect((await fetch(`${first.baseUrl}/health/ready`)).status).toBe(200);
    await fetch(`${first.baseUrl}/v2/charge`, { method: 'POST', headers, body: JSON.stringify(bankTransfer('mine')) });
    first.child.kill('SIGTERM');
    expect(await first.exited).toEqual([0, null]);

    const second = await startProcess({ TENANTRY_DATA_DIR: folder });
    const status = await (await fetch(`${second.baseUrl}/v2/mine/status`, { headers })).json();
    expect(status).toMatchObject({ transaction_status: 'pending' });
  });

  it('ends when the channel to its parent closes', async () => {
    const { child, exited } = await startProcess();
    child.disconnect();
    expect(await exited).toEqual([0, null]);
  });
});
