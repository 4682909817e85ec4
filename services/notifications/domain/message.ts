import type { MoneyView } from '@tenantry/kernel/money.ts';
import { writeAmount } from './amount.ts';
import { bold, type Html, html, toPlainText } from './html.ts';
import type { Locale } from './locale.ts';

/** What a message is about: ids, numbers and amounts. The words come when it is sent, in the reader's language. */
export type MessageContent =
  | { readonly kind: 'receipt'; readonly number: string; readonly total: MoneyView }
  | { readonly kind: 'linked' }
  | { readonly kind: 'unlinked' }
  | { readonly kind: 'how-to-link' }
  | { readonly kind: 'link-refused' };

/** `html` for Telegram's parse mode of that name; `plain` says the same for when Telegram cannot read the markup. */
export type RenderedMessage = { readonly html: string; readonly plain: string };

type Phrases = {
  readonly receipt: (content: Extract<MessageContent, { kind: 'receipt' }>) => Html;
  readonly linked: Html;
  readonly unlinked: Html;
  readonly 'how-to-link': Html;
  readonly 'link-refused': Html;
  readonly repeated: Html;
};

const PHRASES: Readonly<Record<Locale, Phrases>> = {
  id: {
    receipt: ({ number, total }) =>
      html`${bold('Pembayaran diterima')}\nFaktur ${bold(number)} sebesar ${bold(writeAmount(total, 'id'))} sudah lunas. Terima kasih!`,
    linked: html`Halo! Chat ini sekarang terhubung dengan akun Anda. Kuitansi dan pemberitahuan akan dikirim ke sini. Kirim /stop untuk berhenti.`,
    unlinked: html`Chat ini tidak lagi terhubung. Anda tidak akan menerima pemberitahuan di sini.`,
    'how-to-link': html`Untuk menghubungkan chat ini, buat tautan Telegram di akun Anda lalu buka dari ponsel ini.`,
    'link-refused': html`Tautan ini tidak berlaku. Buat tautan baru di akun Anda, lalu buka dalam 15 menit.`,
    repeated: html`Pesan ini dikirim ulang karena kami tidak yakin kiriman sebelumnya sampai. Abaikan bila sudah diterima.`,
  },
  en: {
    receipt: ({ number, total }) =>
      html`${bold('Payment received')}\nInvoice ${bold(number)} of ${bold(writeAmount(total, 'en'))} is paid. Thank you!`,
    linked: html`Hello! This chat is now connected to your account. Receipts and notices will arrive here. Send /stop to end this.`,
    unlinked: html`This chat is no longer connected. You will receive no more notices here.`,
    'how-to-link': html`To connect this chat, create a Telegram link in your account and open it on this phone.`,
    'link-refused': html`This link is not valid. Create a new one in your account and open it within 15 minutes.`,
    repeated: html`This message is sent again because we cannot tell whether it reached you before. Ignore it if it did.`,
  },
};

/** @param isRepeat an earlier attempt may have arrived: the reader must not take this for a second payment */
export function renderMessage(content: MessageContent, locale: Locale, isRepeat: boolean): RenderedMessage {
  const phrases = PHRASES[locale];
  const body = content.kind === 'receipt' ? phrases.receipt(content) : phrases[content.kind];
  const message = isRepeat ? html`${body}\n\n${phrases.repeated}` : body;
  return { html: message.markup, plain: toPlainText(message) };
}
