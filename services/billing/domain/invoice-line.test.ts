import { Problem } from '@tenantry/kernel/problem.ts';
import { describe, expect, it } from 'vitest';
import { newLine } from '../test/given-invoice.ts';
import { type NewLine, priceLines } from './invoice-line.ts';

const refusal = (lines: readonly NewLine[]): Problem => {
  try {
    priceLines(lines, 'IDR');
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
};

describe('The lines of an invoice', () => {
  it('cost quantity times unit price, exactly', () => {
    const { lines, subtotal } = priceLines([newLine('19.99', 3, 'USD'), newLine('0.01', 1, 'USD')], 'IDR');
    expect(lines.map((line) => line.amount.minor)).toEqual([5_997n, 1n]);
    expect(subtotal).toEqual({ minor: 5_998n, currency: 'USD' });
  });

  it('take the tenant’s currency when there are none', () => {
    expect(priceLines([], 'SGD')).toEqual({ lines: [], currency: 'SGD', subtotal: { minor: 0n, currency: 'SGD' } });
  });

  it('have one currency', () => {
    expect(refusal([newLine('1'), newLine('1', 1, 'USD')]).kind.code).toBe('invoice-currency-mixed');
  });

  it.each([
    ['more decimals than the currency has', newLine('1.5'), '/lines/0/unitPrice'],
    ['a negative price', newLine('-1'), '/lines/0/unitPrice'],
    ['more than an invoice can carry', newLine('999999999999999', 1_000_000), '/lines'],
    [
      'a period that ends before it begins',
      { ...newLine('1'), period: { start: '2026-02-01T00:00:00.000Z', end: '2026-01-01T00:00:00.000Z' } },
      '/lines/0/period',
    ],
    [
      'a day that no month has',
      { ...newLine('1'), period: { start: '2026-02-30T00:00:00.000Z', end: '2026-03-01T00:00:00.000Z' } },
      '/lines/0/period',
    ],
  ])('are refused with %s', (_, line, path) => {
    const problem = refusal([line]);
    expect(problem.kind.code).toBe('validation-failed');
    expect(problem.errors?.map((error) => error.path)).toEqual([path]);
  });
});
