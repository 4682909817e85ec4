import nodemailer from 'nodemailer';
import { onTestFinished } from 'vitest';
import { createMailbox, type MailboxOptions } from '../app.ts';
import type { StoredMessage } from '../message-store.ts';

export type Mail = Parameters<ReturnType<typeof nodemailer.createTransport>['sendMail']>[0];
export const FROM = 'no-reply@tenantry.test';

/** A mailbox on ports of its own, and the published nodemailer to send to it. */
export async function startMailbox(options: MailboxOptions = {}) {
  const { app, listenSmtp } = await createMailbox(options);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const smtpPort = await listenSmtp({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => app.close());

  async function http(method: string, path: string, body?: unknown) {
    const answer = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const content = await answer.text();
    return { status: answer.status, body: content === '' ? {} : JSON.parse(content) };
  }
  return {
    app,
    url,
    smtpPort,
    http,
    async messagesTo(to: string): Promise<StoredMessage[]> {
      return (await http('GET', `/messages?to=${encodeURIComponent(to)}`)).body.data;
    },
    /** The code of the refusal, or 250. */
    async deliver(mail: Mail, auth?: { user: string; pass: string }): Promise<number | string> {
      const transport = nodemailer.createTransport({
        host: '127.0.0.1',
        port: smtpPort,
        ...(auth === undefined ? {} : { auth }),
      });
      try {
        await transport.sendMail({ from: FROM, subject: 'Hello', text: 'Hello', ...mail });
        return 250;
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return 'responseCode' in error && typeof error.responseCode === 'number' ? error.responseCode : error.message;
      } finally {
        transport.close();
      }
    },
  };
}
