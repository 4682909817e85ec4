import assert from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { settlePayment } from '../domain/follow-payment.ts';
import type { IssuedInvoice } from '../domain/invoice.ts';
import type { NewLine } from '../domain/invoice-line.ts';
import { after, givenOpen, givenRequested, NOW, newLine, PAYMENT_ID, type Story } from '../test/given-invoice.ts';
import { linesOf, readPdf } from '../test/read-pdf.ts';
import { renderInvoicePdf } from './render-invoice-pdf.ts';

const PARTIES = {
  seller: { name: 'Acme Trading', npwp: '0012345678901000' },
  buyer: { name: 'Dewi Łukasiewicz-Özdemir', email: 'dewi@example.com' },
};

function issued({ invoice }: Story): IssuedInvoice {
  assert(invoice.status !== 'draft');
  return invoice;
}

const open = (lines?: readonly NewLine[], scheme?: 'ppn' | 'none') => issued(givenOpen(lines, scheme));

describe('The document of an invoice', () => {
  it('says in Indonesian who owes what to whom, with the base that the law wants shown', async () => {
    const line: NewLine = {
      ...newLine('150000'),
      period: { start: '2026-11-20T17:00:00.000Z', end: '2026-12-20T17:00:00.000Z' },
    };
    const { pages } = readPdf(await renderInvoicePdf(open([line]), PARTIES, { locale: 'id' }));
    expect(linesOf(pages[0] ?? [])).toEqual([
      'BELUM DIBAYAR',
      'FAKTUR',
      'Nomor | ACME-2026-000001',
      'Tanggal | 21 November 2026',
      'Jatuh tempo | 5 Desember 2026',
      'Penjual | Pembeli',
      'Acme Trading | Dewi Łukasiewicz-Özdemir',
      'NPWP 0012 3456 7890 1000 | dewi@example.com',
      'Uraian | Jumlah | Harga satuan | Nilai',
      'Pro, one month | 1 | Rp 150.000 | Rp 150.000',
      'Periode: 21 November 2026 – 20 Desember 2026',
      'Subtotal | Rp 150.000',
      'DPP nilai lain (11/12) | Rp 137.500',
      'PPN 12 % × 11/12 | Rp 16.500',
      'Total | Rp 166.500',
      'ACME-2026-000001   Halaman 1 dari 1',
    ]);
  });

  it('says it in English to who reads English, and that it is paid', async () => {
    const paid = after(givenRequested(), (invoice) =>
      settlePayment(invoice, { paymentId: PAYMENT_ID, amount: invoice.total, settledAt: NOW.add({ hours: 24 }) }),
    );
    const { pages } = readPdf(await renderInvoicePdf(issued(paid), PARTIES, { locale: 'en' }));
    const lines = linesOf(pages[0] ?? []);
    expect(lines).toEqual(expect.arrayContaining(['INVOICE', 'PAID', 'Paid on | 22 November 2026']));
    expect(lines).toContain('VAT (PPN 12 % × 11/12) | Rp 16.500');
  });

  it('shows no tax where none was charged', async () => {
    const { pages } = readPdf(await renderInvoicePdf(open(undefined, 'none'), PARTIES, { locale: 'id' }));
    const lines = linesOf(pages[0] ?? []);
    expect(lines).toContain('Total | Rp 150.000');
    expect(lines.filter((line) => /PPN|DPP/.test(line))).toEqual([]);
  });

  it('bears the tax number of a buyer that is a company', async () => {
    const buyer = { name: 'Rosa Florist', email: null, npwp: '0098765432109000' };
    const { pages } = readPdf(await renderInvoicePdf(open(), { ...PARTIES, buyer }, { locale: 'id' }));
    const lines = linesOf(pages[0] ?? []);
    expect(lines).toContain('Acme Trading | Rosa Florist');
    expect(lines).toContain('NPWP 0012 3456 7890 1000 | NPWP 0098 7654 3210 9000');
  });

  it('says when its buyer was erased', async () => {
    const { pages } = readPdf(await renderInvoicePdf(open(), { ...PARTIES, buyer: null }, { locale: 'id' }));
    expect(linesOf(pages[0] ?? [])).toContain('Acme Trading | Data pembeli telah dihapus');
  });

  it('embeds every font that it uses', async () => {
    const bytes = await renderInvoicePdf(open(), PARTIES, { locale: 'id' });
    const { pages, fonts } = readPdf(bytes);
    expect(bytes.subarray(0, 5).toString()).toBe('%PDF-');
    expect(new Set(pages.flat().map((piece) => piece.font))).toEqual(new Set(fonts));
    expect(fonts.map((font) => font.split('+')[1]).toSorted()).toEqual(['DejaVuSans', 'DejaVuSans-Bold']);
  });

  it('continues on further pages, with the headings again and nothing lost or off the page', async () => {
    const lines = Array.from({ length: 100 }, (_, index) => ({
      ...newLine(String(1_000 + index)),
      description: `Line ${index + 1}, ${'with a long description '.repeat(index % 5)}`,
    }));
    const { pages } = readPdf(await renderInvoicePdf(open(lines), PARTIES, { locale: 'en' }));
    expect(pages.length).toBeGreaterThan(2);
    const texts = pages.flat();
    for (const { x, y } of texts) expect(x > 0 && x < 595 && y > 20 && y < 842).toBe(true);
    for (let index = 1; index <= 100; index++) {
      expect(texts.filter(({ text }) => text.startsWith(`Line ${index}, `))).toHaveLength(1);
    }
    for (const [index, page] of pages.entries()) {
      expect(linesOf(page)).toContain('Description | Quantity | Unit price | Amount');
      expect(linesOf(page)).toContain(`ACME-2026-000001   Page ${index + 1} of ${pages.length}`);
    }
  });

  it('has the same bytes every time', async () => {
    const first = await renderInvoicePdf(open(), PARTIES, { locale: 'id' });
    // Others in between, of which some share glyphs with it under other characters: À holds A, a hard space a space.
    const buyer = { name: 'ÀÉÎÖÜ office\u00a0fjord', email: 'e@example.com' };
    const other = await renderInvoicePdf(open(), { ...PARTIES, buyer }, { locale: 'en' });
    expect(linesOf(readPdf(other).pages[0] ?? [])).toContain(`Acme Trading | ${buyer.name}`);
    expect(first.equals(await renderInvoicePdf(open(), PARTIES, { locale: 'id' }))).toBe(true);
  });
});
