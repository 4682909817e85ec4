/**
 * Money: whole minor units inside (bigint, exact), decimal strings in the major unit outside. Never a float.
 * Rounding happens once, at the end of an exact rational, by a rule that the caller can name.
 */
export type Currency = 'IDR' | 'USD' | 'EUR' | 'SGD' | 'JPY' | 'KWD';

export type Money = { readonly minor: bigint; readonly currency: Currency };

/** How money looks in JSON: `{ "amount": "150000", "currency": "IDR" }`. */
export type MoneyView = { readonly amount: string; readonly currency: Currency };

/** Decimals in use. ISO 4217 gives IDR two, but no sen has been in circulation for decades and Midtrans takes none. */
const EXPONENTS: Readonly<Record<Currency, number>> = { IDR: 0, USD: 2, EUR: 2, SGD: 2, JPY: 0, KWD: 3 };

export const CURRENCIES = Object.keys(EXPONENTS) as readonly Currency[];

export const isCurrency = (text: string): text is Currency => Object.hasOwn(EXPONENTS, text);

export const money = (minor: bigint, currency: Currency): Money => ({ minor, currency });

export const zero = (currency: Currency): Money => money(0n, currency);

/** Reads a decimal string. Throws a RangeError for anything else, also for more decimals than the currency has. */
export function parseMoney(view: { amount: string; currency: Currency }): Money {
  const exponent = EXPONENTS[view.currency];
  const match = /^(-?)(\d{1,15})(?:\.(\d+))?$/.exec(view.amount);
  if (match === null) throw new RangeError(`"${view.amount}" is not a decimal amount.`);
  const fraction = match[3] ?? '';
  if (fraction.length > exponent) {
    throw new RangeError(`"${view.amount}" has more decimals than ${view.currency} uses (${exponent}).`);
  }
  const minor = BigInt((match[2] ?? '') + fraction.padEnd(exponent, '0'));
  return money(match[1] === '-' ? -minor : minor, view.currency);
}

export function formatAmount(value: Money): string {
  const exponent = EXPONENTS[value.currency];
  if (exponent === 0) return value.minor.toString();
  const digits = (value.minor < 0n ? -value.minor : value.minor).toString().padStart(exponent + 1, '0');
  return `${value.minor < 0n ? '-' : ''}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

export const toMoneyView = (value: Money): MoneyView => ({ amount: formatAmount(value), currency: value.currency });

function sameCurrency(a: Money, b: Money): Currency {
  if (a.currency !== b.currency) throw new RangeError(`Cannot combine ${a.currency} with ${b.currency}.`);
  return a.currency;
}

export const add = (a: Money, b: Money): Money => money(a.minor + b.minor, sameCurrency(a, b));
export const subtract = (a: Money, b: Money): Money => money(a.minor - b.minor, sameCurrency(a, b));
export const sum = (values: readonly Money[], currency: Currency): Money => values.reduce(add, zero(currency));
export const isGreater = (a: Money, b: Money): boolean => {
  sameCurrency(a, b);
  return a.minor > b.minor;
};

/** `value × numerator / denominator`, rounded half away from zero (the rule of Indonesian tax: 0.50 goes up). */
export function scaleHalfUp(value: Money, numerator: bigint, denominator: bigint): Money {
  if (denominator <= 0n) throw new RangeError('The denominator must be positive.');
  const product = value.minor * numerator;
  const magnitude = product < 0n ? -product : product;
  const rounded = (magnitude * 2n + denominator) / (denominator * 2n);
  return money(product < 0n ? -rounded : rounded, value.currency);
}

/** Splits `value` by `weights` without losing or inventing a unit: the largest remainders get the units left over. */
export function allocate(value: Money, weights: readonly bigint[]): readonly Money[] {
  const total = weights.reduce((a, b) => a + b, 0n);
  if (total <= 0n || weights.some((weight) => weight < 0n)) throw new RangeError('Weights must add up to more than 0.');
  const sign = value.minor < 0n ? -1n : 1n;
  const magnitude = value.minor * sign;
  const shares = weights.map((weight, index) => ({
    index,
    minor: (magnitude * weight) / total,
    remainder: (magnitude * weight) % total,
  }));
  let left = magnitude - shares.reduce((a, share) => a + share.minor, 0n);
  const byRemainder = shares.toSorted((a, b) => Number(b.remainder - a.remainder) || a.index - b.index);
  for (const share of byRemainder) {
    if (left === 0n) break;
    share.minor += 1n;
    left -= 1n;
  }
  return shares.map((share) => money(share.minor * sign, value.currency));
}
