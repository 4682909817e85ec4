import { formatAmount, type Money } from '@tenantry/kernel/money.ts';
import { INVOICE_LABELS, type Locale } from './invoice-labels.ts';

/** `Rp 150.000` in every language; other currencies by their code, grouped as the reader is used to. */
export function formatMoney(value: Money, locale: Locale): string {
  const [whole = '', fraction] = formatAmount(value).split('.');
  const dotted = value.currency === 'IDR' || locale === 'id';
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, dotted ? '.' : ',');
  const decimals = fraction === undefined ? '' : `${dotted ? ',' : '.'}${fraction}`;
  return `${value.currency === 'IDR' ? 'Rp' : value.currency} ${grouped}${decimals}`;
}

/** `21 November 2026`: the day that it was in the tenant's zone. */
export function formatDay(instant: Temporal.Instant, timeZone: string, locale: Locale): string {
  const { year, month, day } = instant.toZonedDateTimeISO(timeZone);
  return `${day} ${INVOICE_LABELS[locale].months[month - 1]} ${year}`;
}

/** The last day of a period is the one before its end. */
export function formatPeriod(
  period: { readonly start: Temporal.Instant; readonly end: Temporal.Instant },
  timeZone: string,
  locale: Locale,
): string {
  const lastMoment = period.end.subtract({ milliseconds: 1 });
  return `${formatDay(period.start, timeZone, locale)} – ${formatDay(lastMoment, timeZone, locale)}`;
}

/** NPWP, 15 or 16 digits: in groups of four, as nobody reads sixteen digits in a row. */
export const formatNpwp = (npwp: string): string => npwp.replaceAll(/(\d{4})(?=\d)/g, '$1 ');
