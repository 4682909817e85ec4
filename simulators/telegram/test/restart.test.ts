import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTelegramSimulator } from '../app.ts';
import { answerWith, NOON_MS, startSimulator, startWebhookReceiver, token } from './harness.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'telegram-simulator-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('Stop and start', () => {
  it('keeps bots, chats, messages, webhooks, waiting updates and the time', async () => {
    const snapshotPath = join(await temporaryFolder(), 'deep', 'telegram.json');
    const { url, received } = await startWebhookReceiver(answerWith(200));
    const before = await startSimulator({ frozenAtMs: NOON_MS, snapshotPath });
    await before.meet();
    await before.call('sendMessage', { chat_id: 77, text: 'kept' });
    await before.call('setWebhook', { url: 'http://127.0.0.1:1/' });
    await before.control('POST', '/chats/77/messages', { text: 'waiting', wait: false });
    await before.advance(600);
    const username = (await before.call('getMe')).body.result?.username;
    await before.app.close();

    const file = await readFile(snapshotPath, 'utf8');
    expect(file).not.toContain(token().split(':')[1]);

    const after = await startSimulator({ frozenAtMs: NOON_MS, snapshotPath });
    expect((await after.call('getMe')).body.result?.username).toBe(username);
    expect((await after.control('GET', '/chats/77/messages')).body.data).toMatchObject([
      { text: 'kept', messageId: 1 },
    ]);
    expect((await after.control('GET', '/clock')).body.offsetSeconds).toBe(600);
    expect((await after.call('getWebhookInfo')).body.result?.pending_update_count).toBe(1);
    await after.call('setWebhook', { url });
    await expect.poll(() => received.map(({ update }) => update.message?.text)).toEqual(['waiting']);
    expect((await after.call('sendMessage', { chat_id: 77, text: 'next' })).body.result?.message_id).toBe(3);
  });

  it('keeps a message whose sender never got the answer', async () => {
    const snapshotPath = join(await temporaryFolder(), 'telegram.json');
    const before = await startSimulator({ frozenAtMs: NOON_MS, snapshotPath });
    await before.meet();
    await before.control('POST', '/faults', {
      match: { method: 'sendMessage' },
      fault: { kind: 'timeout-after-success' },
    });
    const lost = before.call('sendMessage', { chat_id: 77, text: 'sent' }).catch(() => 'lost');
    await expect.poll(async () => (await before.control('GET', '/chats/77/messages')).body.data?.length).toBe(1);
    await before.app.close();
    expect(await lost).toBe('lost');
    const after = await startSimulator({ frozenAtMs: NOON_MS, snapshotPath });
    expect((await after.control('GET', '/chats/77/messages')).body.data).toMatchObject([{ text: 'sent' }]);
  });

  it('does not start empty over a file it cannot read', async () => {
    const snapshotPath = join(await temporaryFolder(), 'telegram.json');
    await writeFile(snapshotPath, '{');
    await expect(createTelegramSimulator({ snapshotPath })).rejects.toThrow('is not a snapshot');
  });
});

describe('The process', () => {
  async function startProcess() {
    const port = await freePort();
    const dataDir = await temporaryFolder();
    const child = fork(join(import.meta.dirname, '..', 'start.ts'), {
      env: { ...process.env, PORT: String(port), TENANTRY_DATA_DIR: dataDir },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined))?.status;
    await expect.poll(ready, { timeout: 15_000 }).toBe(200);
    await fetch(`http://127.0.0.1:${port}/bot${token()}/getMe`);
    return { child, dataDir };
  }

  it('ends on SIGTERM, with its state written', async () => {
    const { child, dataDir } = await startProcess();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(await readFile(join(dataDir, 'simulators', 'telegram.json'), 'utf8')).toContain('"id":4001');
  });

  it('ends when its parent goes', async () => {
    const { child } = await startProcess();
    child.disconnect();
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });
});
