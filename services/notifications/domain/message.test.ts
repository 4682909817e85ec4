import { describe, expect, it } from 'vitest';
import { writeAmount } from './amount.ts';
import { html, toPlainText } from './html.ts';
import { localeOf } from './locale.ts';
import { type MessageContent, renderMessage } from './message.ts';

const RECEIPT: MessageContent = {
  kind: 'receipt',
  number: 'ACME-2026-000001',
  total: { amount: '166500', currency: 'IDR' },
};

describe('A receipt', () => {
  it('names number and total in Indonesian', () => {
    expect(renderMessage(RECEIPT, 'id', false)).toEqual({
      html: '<b>Pembayaran diterima</b>\nFaktur <b>ACME-2026-000001</b> sebesar <b>Rp 166.500</b> sudah lunas. Terima kasih!',
      plain: 'Pembayaran diterima\nFaktur ACME-2026-000001 sebesar Rp 166.500 sudah lunas. Terima kasih!',
    });
  });
  it('names number and total in English', () => {
    expect(renderMessage(RECEIPT, 'en', false).plain).toBe(
      'Payment received\nInvoice ACME-2026-000001 of Rp 166.500 is paid. Thank you!',
    );
  });
  it('cannot be broken or abused by what it quotes', () => {
    const { html: markup, plain } = renderMessage({ ...RECEIPT, number: '</b><a href="x">&' }, 'en', false);
    expect(markup).toContain('<b>&lt;/b&gt;&lt;a href=&quot;x&quot;&gt;&amp;</b>');
    expect(plain).toContain('</b><a href="x">&');
  });
});

describe('Every message', () => {
  const contents: MessageContent[] = [
    RECEIPT,
    { kind: 'linked' },
    { kind: 'unlinked' },
    { kind: 'how-to-link' },
    { kind: 'link-refused' },
  ];
  it.each(['id', 'en'] as const)('has words in %s, says when it is sent again, and fits into one message', (locale) => {
    for (const content of contents) {
      const once = renderMessage(content, locale, false);
      const again = renderMessage(content, locale, true);
      expect(once.plain.length).toBeGreaterThan(20);
      expect(again.plain.startsWith(`${once.plain}\n\n`)).toBe(true);
      expect(again.plain.length).toBeLessThan(4_096); // Bot API: after parsing
    }
  });
  it('differs between the languages', () => {
    for (const content of contents)
      expect(renderMessage(content, 'id', false)).not.toEqual(renderMessage(content, 'en', false));
  });
});

describe('Amounts', () => {
  it.each([
    ['0', 'IDR', 'Rp 0', 'Rp 0'],
    ['999', 'IDR', 'Rp 999', 'Rp 999'],
    ['1000', 'IDR', 'Rp 1.000', 'Rp 1.000'],
    ['123456789', 'IDR', 'Rp 123.456.789', 'Rp 123.456.789'],
    ['-166500', 'IDR', '-Rp 166.500', '-Rp 166.500'],
    ['1234.5', 'USD', 'USD 1.234,50', 'USD 1,234.50'],
    ['1234567', 'JPY', 'JPY 1.234.567', 'JPY 1,234,567'],
    ['0.125', 'KWD', 'KWD 0,125', 'KWD 0.125'],
  ] as const)('%s %s is %s in Indonesian and %s in English', (amount, currency, id, en) => {
    expect(writeAmount({ amount, currency }, 'id')).toBe(id);
    expect(writeAmount({ amount, currency }, 'en')).toBe(en);
  });
});

describe('Markup', () => {
  it('escapes what is put in, once', () => {
    const inner = html`<b>${'a<b'}</b>`;
    expect(html`${inner} & ${'&lt;'}`.markup).toBe('<b>a&lt;b</b> & &amp;lt;');
    expect(toPlainText(html`${'&lt;'}`)).toBe('&lt;');
  });
});

describe('The language of somebody whom we do not know', () => {
  it.each([
    ['id', 'id'],
    ['id-ID', 'id'],
    ['in', 'id'],
    ['en', 'en'],
    ['de', 'en'],
    [null, 'en'],
  ] as const)('is for the app language %s: %s', (code, locale) => {
    expect(localeOf(code)).toBe(locale);
  });
});
