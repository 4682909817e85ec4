import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMailbox } from '../app.ts';
import { FROM, startMailbox } from './harness.ts';

const BUDI = 'budi@example.com';

describe('Receiving', () => {
  it('keeps what nodemailer sends, with its links and tokens', async () => {
    const mailbox = await startMailbox();
    const link = 'http://localhost:8000/console/verify?token=vt_ten1_abc-DEF_9';
    await mailbox.deliver({
      from: `Acme <${FROM}>`,
      to: 'Budi <Budi@Example.com>',
      subject: 'Verifikasi akun Anda — Rp 0',
      text: `Klik ${link}.`,
      html: `<p>Klik <a href="${link}">di sini</a>.</p>`,
      attachments: [{ filename: 'syarat.pdf', content: Buffer.from('%PDF'), contentType: 'application/pdf' }],
    });
    const [message] = await mailbox.messagesTo(BUDI);
    expect(message).toMatchObject({
      to: 'Budi@example.com',
      from: FROM,
      subject: 'Verifikasi akun Anda — Rp 0',
      text: `Klik ${link}.`,
      links: [link],
      tokens: ['vt_ten1_abc-DEF_9'],
      attachments: [{ fileName: 'syarat.pdf', mimeType: 'application/pdf', sizeBytes: 4 }],
    });
    expect(message?.html).toContain('di sini');
    expect(message?.receivedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect((await mailbox.http('GET', `/messages/${message?.id}`)).body).toEqual(message);
  });

  it('lists the newest first, of one address or of all, as many as asked', async () => {
    const mailbox = await startMailbox();
    for (const subject of ['one', 'two', 'three']) await mailbox.deliver({ to: BUDI, subject });
    await mailbox.deliver({ to: 'sari@example.com', subject: 'other' });
    expect((await mailbox.messagesTo('BUDI@example.COM')).map(({ subject }) => subject)).toEqual([
      'three',
      'two',
      'one',
    ]);
    expect((await mailbox.http('GET', '/messages?limit=2')).body.data).toMatchObject([
      { subject: 'other' },
      { subject: 'three' },
    ]);
    expect((await mailbox.http('GET', '/messages?limit=0')).status).toBe(400);
    expect(await mailbox.messagesTo('nobody@example.com')).toEqual([]);
    expect((await mailbox.http('DELETE', `/messages?to=${BUDI}`)).status).toBe(204);
    expect((await mailbox.http('GET', '/messages')).body.data).toHaveLength(1);
    await mailbox.http('DELETE', '/messages');
    expect((await mailbox.http('GET', '/messages')).body.data).toEqual([]);
  });

  it('puts a message to two people, and a blind copy, into each mailbox', async () => {
    const mailbox = await startMailbox();
    await mailbox.deliver({ to: [BUDI, 'sari@example.com'], bcc: 'audit@example.com' });
    for (const to of [BUDI, 'sari@example.com', 'audit@example.com']) {
      expect(await mailbox.messagesTo(to)).toMatchObject([{ to }]);
    }
  });

  it('reads mail that is HTML only', async () => {
    const mailbox = await startMailbox();
    await mailbox.deliver({ to: BUDI, text: '', html: '<p>Halo <a href="https://a.example/?token=t1">Budi</a></p>' });
    expect(await mailbox.messagesTo(BUDI)).toMatchObject([{ text: 'Halo Budi', tokens: ['t1'] }]);
  });

  it('takes any credentials', async () => {
    const mailbox = await startMailbox();
    expect(await mailbox.deliver({ to: BUDI }, { user: 'whoever', pass: 'whatever' })).toBe(250);
  });

  it('refuses messages that are too large', async () => {
    const mailbox = await startMailbox({ largestMessageBytes: 2000 });
    expect(await mailbox.deliver({ to: BUDI, text: 'x'.repeat(3000) })).toBe(552);
    expect(await mailbox.deliver({ to: BUDI })).toBe(250);
    expect(await mailbox.messagesTo(BUDI)).toHaveLength(1);
  });

  it('does not offer STARTTLS, which clients would take and fail at', async () => {
    const mailbox = await startMailbox();
    const socket = connect(mailbox.smtpPort, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const lines: string[] = [];
    const reader = createInterface(socket).on('line', (line) => lines.push(line));
    await once(reader, 'line');
    socket.write('EHLO test\r\n');
    await expect.poll(() => lines.some((line) => line.startsWith('250 '))).toBe(true);
    expect(lines.join()).toMatch(/SIZE/);
    expect(lines.join()).not.toMatch(/STARTTLS/);
  });

  it('is ready once SMTP listens', async () => {
    const { app } = await createMailbox();
    onTestFinished(() => app.close());
    expect((await app.inject('/health/ready')).statusCode).toBe(503);
    const mailbox = await startMailbox();
    expect((await mailbox.http('GET', '/health/ready')).status).toBe(200);
    expect((await mailbox.http('GET', '/')).body.routes).toContain('GET /messages');
    expect((await mailbox.http('GET', '/nothing')).body).toMatchObject({ status: 404, code: 'not-found' });
  });
});

describe('Faults', () => {
  it.each([
    [{ kind: 'temporary' }, 451],
    [{ kind: 'temporary', stage: 'data' }, 451],
    [{ kind: 'permanent' }, 550],
    [{ kind: 'permanent', stage: 'data' }, 550],
  ])('%j refuses as often as ordered, the address it names', async (fault, code) => {
    const mailbox = await startMailbox();
    await mailbox.http('POST', '/simulator/faults', { match: { to: 'BUDI@example.com' }, times: 2, fault });
    expect(await mailbox.deliver({ to: 'sari@example.com' })).toBe(250);
    expect([
      await mailbox.deliver({ to: BUDI }),
      await mailbox.deliver({ to: BUDI }),
      await mailbox.deliver({ to: BUDI }),
    ]).toEqual([code, code, 250]);
    expect(await mailbox.messagesTo(BUDI)).toHaveLength(1);
  });

  it('greylists a new pair of sender and recipient until the time is over', async () => {
    const mailbox = await startMailbox();
    await mailbox.http('POST', '/simulator/faults', { fault: { kind: 'greylist', delaySeconds: 300 } });
    expect([await mailbox.deliver({ to: BUDI }), await mailbox.deliver({ to: BUDI })]).toEqual([451, 451]);
    await mailbox.http('POST', '/simulator/clock/advance', { seconds: 300 });
    expect([await mailbox.deliver({ to: BUDI }), await mailbox.deliver({ to: BUDI })]).toEqual([250, 250]);
    expect(await mailbox.deliver({ to: 'sari@example.com' })).toBe(451);
  });

  it('delays the answer on the advanceable clock', async () => {
    const mailbox = await startMailbox();
    await mailbox.http('POST', '/simulator/faults', { fault: { kind: 'delay', delayMs: 3_600_000 } });
    const delivery = mailbox.deliver({ to: BUDI });
    await expect.poll(async () => (await mailbox.http('GET', '/simulator/faults')).body.data).toEqual([]);
    expect(await mailbox.messagesTo(BUDI)).toEqual([]);
    await mailbox.http('POST', '/simulator/clock/advance', { seconds: 3600 });
    expect(await delivery).toBe(250);
    expect(await mailbox.messagesTo(BUDI)).toHaveLength(1);
  });

  it('keeps the message and breaks the connection, so that the sender cannot know', async () => {
    const mailbox = await startMailbox();
    await mailbox.http('POST', '/simulator/faults', { match: { from: FROM }, fault: { kind: 'drop-after-data' } });
    expect(await mailbox.deliver({ to: BUDI })).toMatch(/closed|ECONNRESET/i);
    expect(await mailbox.messagesTo(BUDI)).toHaveLength(1);
  });

  it('can be taken back, and a reset forgets everything', async () => {
    const mailbox = await startMailbox();
    const order = { times: null, fault: { kind: 'permanent' } };
    const { id } = (await mailbox.http('POST', '/simulator/faults', order)).body;
    expect(await mailbox.deliver({ to: BUDI })).toBe(550);
    expect((await mailbox.http('DELETE', `/simulator/faults/${id}`)).status).toBe(204);
    expect(await mailbox.deliver({ to: BUDI })).toBe(250);
    await mailbox.http('POST', '/simulator/faults', order);
    expect((await mailbox.http('POST', '/simulator/reset')).status).toBe(204);
    expect(await mailbox.messagesTo(BUDI)).toEqual([]);
    expect(await mailbox.deliver({ to: BUDI })).toBe(250);
    expect((await mailbox.http('POST', '/simulator/faults', { fault: { kind: 'flood' } })).body.code).toBe(
      'validation-failed',
    );
  });
});

describe('Stop and start', () => {
  it('keeps the messages', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mailbox-simulator-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const snapshotPath = join(folder, 'deep', 'mailbox.json');
    const before = await startMailbox({ snapshotPath });
    await before.deliver({ to: BUDI });
    const kept = await before.messagesTo(BUDI);
    await before.app.close();
    const after = await startMailbox({ snapshotPath });
    expect(kept).toHaveLength(1);
    expect(await after.messagesTo(BUDI)).toEqual(kept);
  });
});
