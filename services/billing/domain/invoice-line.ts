import { type Currency, type Money, type MoneyView, money, parseMoney, sum } from '@tenantry/kernel/money.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';
import { invoiceCurrencyMixed } from '../problems.ts';

/** When the thing was used: from the first instant, up to but not including the second. */
export type Period = { readonly start: Temporal.Instant; readonly end: Temporal.Instant };

export type InvoiceLine = {
  readonly description: string;
  readonly quantity: number;
  /** Without tax. */
  readonly unitPrice: Money;
  readonly amount: Money;
  readonly period: Period | null;
};

/** A line as somebody asks for it. */
export type NewLine = {
  readonly description: string;
  readonly quantity: number;
  readonly unitPrice: MoneyView;
  readonly period?: { readonly start: string; readonly end: string };
};

/** Far above any invoice, far below what a bigint column and a 15-digit amount can hold, tax included. */
const MAX_SUBTOTAL_MINOR = 10n ** 14n;

const refusedLine = (index: number, field: string, message: string) =>
  validationFailed(`Line ${index + 1}: ${field} ${message}.`, {
    errors: [{ path: `/lines/${index}/${field}`, message }],
  });

function toPrice(line: NewLine, index: number): Money {
  try {
    const price = parseMoney(line.unitPrice);
    if (price.minor >= 0n) return price;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refusedLine(index, 'unitPrice', `has more decimals than ${line.unitPrice.currency} uses`);
  }
  throw refusedLine(index, 'unitPrice', 'must not be negative');
}

function toPeriod(period: NewLine['period'], index: number): Period | null {
  if (period === undefined) return null;
  try {
    const [start, end] = [Temporal.Instant.from(period.start), Temporal.Instant.from(period.end)];
    if (Temporal.Instant.compare(start, end) < 0) return { start, end };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw refusedLine(index, 'period', 'must begin before it ends');
}

/** Checks and prices the lines of an invoice. All of them are in one currency; without lines it is `defaultCurrency`. */
export function priceLines(
  lines: readonly NewLine[],
  defaultCurrency: Currency,
): { readonly lines: readonly InvoiceLine[]; readonly currency: Currency; readonly subtotal: Money } {
  const currency = lines[0]?.unitPrice.currency ?? defaultCurrency;
  if (lines.some((line) => line.unitPrice.currency !== currency)) {
    throw invoiceCurrencyMixed('All lines of an invoice must be in one currency. Make one invoice per currency.');
  }
  const priced = lines.map((line, index): InvoiceLine => {
    const unitPrice = toPrice(line, index);
    return {
      description: line.description,
      quantity: line.quantity,
      unitPrice,
      amount: money(unitPrice.minor * BigInt(line.quantity), currency),
      period: toPeriod(line.period, index),
    };
  });
  const subtotal = sum(
    priced.map((line) => line.amount),
    currency,
  );
  if (subtotal.minor > MAX_SUBTOTAL_MINOR) {
    const message = 'add up to more than one invoice can carry';
    throw validationFailed(`The lines ${message}.`, { errors: [{ path: '/lines', message }] });
  }
  return { lines: priced, currency, subtotal };
}
