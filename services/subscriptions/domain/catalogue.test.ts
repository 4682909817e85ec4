import { CURRENCIES, formatAmount } from '@tenantry/kernel/money.ts';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, pricesIn } from './catalogue.ts';

const plan = (slug: string) => {
  const found = CATALOGUE.find((candidate) => candidate.slug === slug);
  if (found === undefined) throw new Error(`no ${slug}`);
  return found;
};
const shown = (slug: string) =>
  pricesIn(plan(slug), 'IDR').map(({ interval, price }) => `${formatAmount(price)}/${interval}`);
const quotaOf = (slug: string) => plan(slug).features.find(({ feature }) => feature === 'api-calls')?.value;

describe('The catalogue', () => {
  it('has the prices of the house in rupiah', () => {
    expect(shown('free')).toEqual(['0/month']);
    expect(shown('pro')).toEqual(['150000/month', '1500000/year']);
    expect(shown('enterprise')).toEqual(['1500000/month', '15000000/year']);
  });

  it('has a price in every currency, and a year costs ten months', () => {
    for (const currency of CURRENCIES) {
      for (const slug of ['pro', 'enterprise']) {
        const [month, year] = pricesIn(plan(slug), currency);
        expect(month?.price.minor).toBeGreaterThan(0n);
        expect(year?.price.minor).toBe((month?.price.minor ?? 0n) * 10n);
      }
    }
  });

  it('gives each plan at least what the cheaper one gives', () => {
    expect(CATALOGUE.map(({ slug }) => quotaOf(slug))).toEqual([100, 1_000, 100_000]);
    const names = CATALOGUE.map(({ features }) => features.map(({ feature }) => feature).join());
    expect(new Set(names).size).toBe(1);
  });
});
