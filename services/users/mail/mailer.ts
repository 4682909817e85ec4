import { createTransport } from 'nodemailer';

export type Mail = { readonly to: string; readonly subject: string; readonly text: string };

export type Mailer = { readonly send: (mail: Mail) => Promise<void>; readonly close: () => void };

export function createMailer(smtpUrl: string, from: string): Mailer {
  const transport = createTransport({
    url: smtpUrl,
    connectionTimeout: 3_000,
    greetingTimeout: 3_000,
    socketTimeout: 10_000,
    tls: { rejectUnauthorized: true },
  });
  return {
    // An address object, not a header text: a name with a line break or a comma cannot add recipients.
    send: async (mail) => {
      await transport.sendMail({ from, to: { name: '', address: mail.to }, subject: mail.subject, text: mail.text });
    },
    close: () => transport.close(),
  };
}
