import PostalMime, { type Address } from 'postal-mime';
import type { StoredMessage } from './message-store.ts';
import { htmlToText, readLinks, readTokens } from './read-links.ts';

export type ReceivedMail = {
  readonly raw: Buffer;
  readonly from: string;
  readonly recipients: readonly string[];
  readonly receivedAtMs: number;
};

/** Reads the MIME message once and makes one entry for each recipient. */
export async function receiveMessage(mail: ReceivedMail): Promise<Omit<StoredMessage, 'id'>[]> {
  const email = await PostalMime.parse(mail.raw);
  const html = email.html ?? '';
  const text = (email.text ?? htmlToText(html)).trimEnd();
  const links = readLinks(text, html);
  const content = {
    from: addressOf(email.from) ?? mail.from,
    subject: email.subject ?? '',
    text,
    html,
    receivedAt: new Date(mail.receivedAtMs).toISOString(),
    links,
    tokens: readTokens(links),
    attachments: email.attachments.map(({ filename, mimeType, content: bytes }) => ({
      fileName: filename ?? '',
      mimeType,
      sizeBytes: typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.byteLength,
    })),
  };
  return mail.recipients.map((to) => ({ to, ...content }));
}

const addressOf = (address: Address | undefined): string | undefined =>
  address?.group === undefined ? address?.address : address.group[0]?.address;
