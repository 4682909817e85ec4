import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProcess } from '../../shared/test/start-process.ts';
import { createTelegramSimulator } from '../app.ts';
import { answerWith, NOON_MS, startSimulator, startWebhookReceiver, token } from './harness.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'telegram-simulator-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
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
  it('has written its state when it has ended', async () => {
    const dataDir = await temporaryFolder();
    const { child, url, exited } = await startProcess('telegram', { TENANTRY_DATA_DIR: dataDir });
    await fetch(`${url}/bot${token()}/getMe`);
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(await readFile(join(dataDir, 'simulators', 'telegram.json'), 'utf8')).toContain('"id":4001');
  });
});
