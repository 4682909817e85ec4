import { money } from '@tenantry/kernel/money.ts';
import { describe, expect, it } from 'vitest';
import { formatDay, formatMoney, formatNpwp, formatPeriod } from './format-for-people.ts';

describe('On paper', () => {
  it.each([
    [0n, 'Rp 0'],
    [999n, 'Rp 999'],
    [150_000n, 'Rp 150.000'],
    [1_234_567_890n, 'Rp 1.234.567.890'],
  ])('%d rupiah reads %s, in both languages', (minor, text) => {
    expect([formatMoney(money(minor, 'IDR'), 'id'), formatMoney(money(minor, 'IDR'), 'en')]).toEqual([text, text]);
  });

  it('other money is grouped as the reader is used to', () => {
    expect(formatMoney(money(123_456_789n, 'USD'), 'en')).toBe('USD 1,234,567.89');
    expect(formatMoney(money(123_456_789n, 'USD'), 'id')).toBe('USD 1.234.567,89');
    expect(formatMoney(money(5n, 'KWD'), 'en')).toBe('KWD 0.005');
  });

  it('a day is the one where the tenant is', () => {
    const evening = Temporal.Instant.from('2026-12-31T17:00:00Z');
    expect(formatDay(evening, 'Asia/Jakarta', 'id')).toBe('1 Januari 2027');
    expect(formatDay(evening, 'UTC', 'en')).toBe('31 December 2026');
  });

  it('a period ends on its last day, not on the next one’s first', () => {
    const [start, end] = [Temporal.Instant.from('2026-01-31T17:00:00Z'), Temporal.Instant.from('2026-02-28T17:00:00Z')];
    expect(formatPeriod({ start, end }, 'Asia/Jakarta', 'en')).toBe('1 February 2026 – 28 February 2026');
  });

  it('an NPWP is grouped', () => {
    expect(formatNpwp('0012345678901000')).toBe('0012 3456 7890 1000');
  });
});
