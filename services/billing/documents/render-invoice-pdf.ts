import { buffer } from 'node:stream/consumers';
import { toDate } from '@tenantry/kernel/instant.ts';
import type { Money } from '@tenantry/kernel/money.ts';
import PDFDocument from 'pdfkit';
import type { IssuedInvoice } from '../domain/invoice.ts';
import { formatDay, formatMoney, formatNpwp, formatPeriod } from './format-for-people.ts';
import { invoiceFont } from './invoice-fonts.ts';
import { INVOICE_LABELS, type InvoiceLabels, type Locale } from './invoice-labels.ts';

export type PrintedParties = {
  readonly seller: { readonly name: string; readonly npwp: string | null };
  /** Null when the customer was erased. */
  readonly buyer: { readonly name: string; readonly email: string | null; readonly npwp?: string | null } | null;
};

/** What every part of the page is drawn with. */
type Sheet = {
  readonly document: PDFKit.PDFDocument;
  readonly invoice: IssuedInvoice;
  readonly parties: PrintedParties;
  readonly locale: Locale;
  readonly labels: InvoiceLabels;
};

// A4 in points, and the columns of the table of lines.
const LEFT = 50;
const RIGHT = 545;
const WIDTH = RIGHT - LEFT;
const BOTTOM = 760;
const COLUMNS = {
  description: { x: LEFT, width: 235 },
  quantity: { x: 290, width: 55 },
  unitPrice: { x: 350, width: 95 },
  amount: { x: 450, width: 95 },
} as const;

/**
 * The invoice as an A4 document with its fonts embedded. The same invoice in the same state gives the same bytes: the
 * dates in it are the invoice's own, and the file's id comes from them.
 */
export function renderInvoicePdf(
  invoice: IssuedInvoice,
  parties: PrintedParties,
  options: { readonly locale: Locale; readonly compress?: boolean },
): Promise<Buffer> {
  const labels = INVOICE_LABELS[options.locale];
  const document = new PDFDocument({
    size: 'A4',
    margins: { top: 50, bottom: 0, left: LEFT, right: 50 },
    compress: options.compress ?? true,
    bufferPages: true,
    lang: options.locale,
    displayTitle: true,
    font: '', // none of the built-in ones: they are not embedded
    info: {
      Title: `${labels.title} ${invoice.number}`,
      Author: parties.seller.name,
      Creator: 'Tenantry',
      Producer: 'Tenantry',
      CreationDate: toDate(invoice.finalizedAt),
    },
  });
  const bytes = buffer(document);
  document.registerFont('regular', invoiceFont('regular')).registerFont('bold', invoiceFont('bold'));
  const sheet: Sheet = { document, invoice, parties, locale: options.locale, labels };
  drawHeading(sheet);
  drawParties(sheet);
  drawLines(sheet);
  drawTotals(sheet);
  drawPageNumbers(sheet);
  document.end();
  return bytes;
}

function drawHeading({ document, invoice, labels, locale }: Sheet): void {
  const day = (instant: Temporal.Instant) => formatDay(instant, invoice.timeZone, locale);
  document.font('bold').fontSize(20).text(labels.title, LEFT, 50);
  document.fontSize(11).text(labels.status[invoice.status], LEFT, 56, { width: WIDTH, align: 'right' });
  document.y = 90;
  const facts: [string, string][] = [
    [labels.number, invoice.number],
    [labels.date, day(invoice.finalizedAt)],
    [labels.due, day(invoice.dueAt)],
  ];
  if (invoice.status === 'paid') facts.push([labels.paidOn, day(invoice.paidAt)]);
  for (const [label, value] of facts) {
    const { y } = document;
    document.font('regular').fontSize(9).text(label, LEFT, y, { width: 90 });
    document.font('bold').text(value, LEFT + 95, y, { width: WIDTH - 95 });
    document.y += 3;
  }
}

function drawParties({ document, parties, labels }: Sheet): void {
  const top = document.y + 18;
  const half = WIDTH / 2 - 10;
  const party = (x: number, label: string, lines: readonly string[]): number => {
    document.font('regular').fontSize(8).text(label, x, top, { width: half });
    const [name = '', ...rest] = lines;
    document.font('bold').fontSize(10).text(name, { width: half });
    document.font('regular').fontSize(9);
    for (const line of rest) document.text(line, { width: half });
    return document.y;
  };
  const { seller, buyer } = parties;
  const taxNumber = (npwp: string | null = null): string[] => (npwp === null ? [] : [`NPWP ${formatNpwp(npwp)}`]);
  const sellerEnd = party(LEFT, labels.seller, [seller.name, ...taxNumber(seller.npwp)]);
  const buyerEnd = party(
    LEFT + WIDTH / 2 + 10,
    labels.buyer,
    buyer === null
      ? [labels.erased]
      : [buyer.name, ...taxNumber(buyer.npwp), ...(buyer.email === null ? [] : [buyer.email])],
  );
  document.y = Math.max(sellerEnd, buyerEnd) + 20;
}

function drawLineHeadings({ document, labels }: Sheet): void {
  const { y } = document;
  document.font('bold').fontSize(9);
  document.text(labels.description, COLUMNS.description.x, y, { width: COLUMNS.description.width });
  for (const column of ['quantity', 'unitPrice', 'amount'] as const) {
    document.text(labels[column], COLUMNS[column].x, y, { width: COLUMNS[column].width, align: 'right' });
  }
  document.y = y + 14;
  drawRule(document);
}

function drawRule(document: PDFKit.PDFDocument): void {
  document.moveTo(LEFT, document.y).lineTo(RIGHT, document.y).lineWidth(0.5).strokeColor('#888888').stroke();
  document.y += 6;
}

function drawLines(sheet: Sheet): void {
  const { document, invoice, locale, labels } = sheet;
  drawLineHeadings(sheet);
  for (const line of invoice.lines) {
    const period =
      line.period === null ? null : `${labels.period}: ${formatPeriod(line.period, invoice.timeZone, locale)}`;
    const { width } = COLUMNS.description;
    document.font('regular').fontSize(9);
    const height = document.heightOfString(line.description, { width }) + (period === null ? 0 : 24);
    if (document.y + height > BOTTOM) {
      document.addPage();
      drawLineHeadings(sheet);
      document.font('regular').fontSize(9);
    }
    const { y } = document;
    document.text(line.description, COLUMNS.description.x, y, { width });
    if (period !== null) document.fontSize(8).text(period, { width }).fontSize(9);
    const end = document.y;
    const cells = {
      quantity: String(line.quantity),
      unitPrice: formatMoney(line.unitPrice, locale),
      amount: formatMoney(line.amount, locale),
    };
    for (const column of ['quantity', 'unitPrice', 'amount'] as const) {
      document.text(cells[column], COLUMNS[column].x, y, { width: COLUMNS[column].width, align: 'right' });
    }
    document.y = Math.max(end, document.y) + 5;
  }
  drawRule(document);
}

function drawTotals({ document, invoice, labels, locale }: Sheet): void {
  const rows: { label: string; amount: Money; isTotal?: boolean }[] = [
    { label: labels.subtotal, amount: invoice.subtotal },
  ];
  for (const tax of invoice.taxes) {
    if (tax.otherBase !== null) rows.push({ label: labels.otherBase, amount: tax.otherBase });
    rows.push({ label: labels.tax(tax.name, tax.rate), amount: tax.amount });
  }
  rows.push({ label: labels.total, amount: invoice.total, isTotal: true });
  if (invoice.amountRefunded.minor > 0n) rows.push({ label: labels.refunded, amount: invoice.amountRefunded });
  if (document.y + rows.length * 18 > BOTTOM) document.addPage();
  for (const { label, amount, isTotal = false } of rows) {
    const { y } = document;
    document.font(isTotal ? 'bold' : 'regular').fontSize(isTotal ? 11 : 9);
    document.text(label, LEFT + 140, y, { width: 245, align: 'right' });
    document.text(formatMoney(amount, locale), COLUMNS.amount.x - 60, y, {
      width: COLUMNS.amount.width + 60,
      align: 'right',
    });
    document.y = y + (isTotal ? 20 : 16);
  }
}

function drawPageNumbers({ document, invoice, labels }: Sheet): void {
  const { count } = document.bufferedPageRange();
  for (let page = 0; page < count; page++) {
    document.switchToPage(page);
    document.font('regular').fontSize(8);
    document.text(`${invoice.number}   ${labels.page(page + 1, count)}`, LEFT, 795, {
      width: WIDTH,
      align: 'center',
      lineBreak: false,
    });
  }
}
