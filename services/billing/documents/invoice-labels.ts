import type { Invoice } from '../domain/invoice.ts';

export type Locale = 'id' | 'en';

export type InvoiceLabels = {
  readonly title: string;
  readonly number: string;
  readonly date: string;
  readonly due: string;
  readonly status: Readonly<Record<Exclude<Invoice['status'], 'draft'>, string>>;
  readonly paidOn: string;
  readonly seller: string;
  readonly buyer: string;
  readonly erased: string;
  readonly description: string;
  readonly quantity: string;
  readonly unitPrice: string;
  readonly amount: string;
  readonly period: string;
  readonly subtotal: string;
  readonly otherBase: string;
  readonly tax: (name: string, rate: string) => string;
  readonly total: string;
  readonly refunded: string;
  readonly page: (page: number, pages: number) => string;
  readonly months: readonly string[];
};

/** Month names are our own: those of the runtime may change with its version, and the document must not. */
const MONTHS: Readonly<Record<Locale, string>> = {
  id: 'Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember',
  en: 'January February March April May June July August September October November December',
};

export const INVOICE_LABELS: Readonly<Record<Locale, InvoiceLabels>> = {
  id: {
    title: 'FAKTUR',
    number: 'Nomor',
    date: 'Tanggal',
    due: 'Jatuh tempo',
    status: { open: 'BELUM DIBAYAR', paid: 'LUNAS', void: 'BATAL' },
    paidOn: 'Dibayar pada',
    seller: 'Penjual',
    buyer: 'Pembeli',
    erased: 'Data pembeli telah dihapus',
    description: 'Uraian',
    quantity: 'Jumlah',
    unitPrice: 'Harga satuan',
    amount: 'Nilai',
    period: 'Periode',
    subtotal: 'Subtotal',
    otherBase: 'DPP nilai lain (11/12)',
    tax: (name, rate) => `${name} ${rate} % × 11/12`,
    total: 'Total',
    refunded: 'Telah dikembalikan',
    page: (page, pages) => `Halaman ${page} dari ${pages}`,
    months: MONTHS.id.split(' '),
  },
  en: {
    title: 'INVOICE',
    number: 'Number',
    date: 'Date',
    due: 'Due',
    status: { open: 'UNPAID', paid: 'PAID', void: 'VOID' },
    paidOn: 'Paid on',
    seller: 'Seller',
    buyer: 'Buyer',
    erased: 'The buyer’s details have been erased',
    description: 'Description',
    quantity: 'Quantity',
    unitPrice: 'Unit price',
    amount: 'Amount',
    period: 'Period',
    subtotal: 'Subtotal',
    otherBase: 'Other tax base (DPP nilai lain, 11/12)',
    tax: (name, rate) => `VAT (${name} ${rate} % × 11/12)`,
    total: 'Total',
    refunded: 'Refunded',
    page: (page, pages) => `Page ${page} of ${pages}`,
    months: MONTHS.en.split(' '),
  },
};
