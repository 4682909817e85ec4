import { formatAmount, type MoneyView, parseMoney } from '@tenantry/kernel/money.ts';
import type { Locale } from './locale.ts';

/**
 * Rupiah are written as in Indonesia in both languages (`Rp 166.500`), the way they stand on the invoice; other
 * currencies by the reader's own marks (`USD 1,234.50`, `USD 1.234,50`). With plain spaces: a no-break space would keep
 * people from finding the amount in their chat.
 */
export function writeAmount(view: MoneyView, locale: Locale): string {
  const money = parseMoney(view);
  const isIndonesian = money.currency === 'IDR' || locale === 'id';
  const [group, point] = isIndonesian ? ['.', ','] : [',', '.'];
  const [whole = '0', fraction] = formatAmount(money).replace('-', '').split('.');
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, group);
  const sign = money.minor < 0n ? '-' : '';
  const unit = money.currency === 'IDR' ? 'Rp' : money.currency;
  return `${sign}${unit} ${digits}${fraction === undefined ? '' : `${point}${fraction}`}`;
}
