import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  allocate,
  CURRENCIES,
  type Currency,
  formatAmount,
  isCurrency,
  isGreater,
  money,
  parseMoney,
  scaleHalfUp,
  subtract,
  sum,
  toMoneyView,
  zero,
} from './money.ts';

const DECIMALS: Readonly<Record<Currency, number>> = { IDR: 0, JPY: 0, USD: 2, EUR: 2, SGD: 2, KWD: 3 };
const currency = fc.constantFrom(...CURRENCIES);
const minor = fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n });
const anyMoney = fc.record({ minor, currency });

describe('An amount', () => {
  it.each([
    ['IDR', 150_000n, '150000'],
    ['IDR', 0n, '0'],
    ['JPY', -1n, '-1'],
    ['USD', 5n, '0.05'],
    ['USD', -5n, '-0.05'],
    ['USD', 100n, '1.00'],
    ['KWD', 1n, '0.001'],
    ['KWD', -1_234n, '-1.234'],
    ['IDR', 9_007_199_254_740_993n, '9007199254740993'],
  ] as const)('of %s %s minor units reads %s', (code, units, text) => {
    expect(formatAmount(money(units, code))).toBe(text);
  });

  it.each([
    ['USD', '1', 100n],
    ['USD', '1.5', 150n],
    ['USD', '-0.01', -1n],
    ['KWD', '1.2', 1_200n],
    ['IDR', '007', 7n],
    ['USD', '-0', 0n],
  ] as const)('in %s may be written %s', (code, amount, units) => {
    expect(parseMoney({ amount, currency: code })).toEqual(money(units, code));
  });

  it.each([
    ['IDR', '1.0'],
    ['JPY', '1.5'],
    ['USD', '1.005'],
    ['KWD', '0.0001'],
    ['IDR', ''],
    ['IDR', '-'],
    ['IDR', '+1'],
    ['USD', '.5'],
    ['USD', '1.'],
    ['USD', '1,50'],
    ['USD', '1e3'],
    ['USD', ' 1'],
    ['USD', '1\n'],
    ['USD', '٣'],
    ['USD', '0x10'],
    ['USD', 'NaN'],
    ['USD', 'Infinity'],
    ['IDR', '1234567890123456'],
  ] as const)('in %s may not be written %j', (code, amount) => {
    expect(() => parseMoney({ amount, currency: code })).toThrow(RangeError);
  });

  it('comes back exactly as it went out, with as many decimals as its currency uses', () => {
    fc.assert(
      fc.property(anyMoney, (value) => {
        const view = toMoneyView(value);
        expect(parseMoney(view)).toEqual(value);
        expect(view.amount.split('.')[1]?.length ?? 0).toBe(DECIMALS[value.currency]);
      }),
    );
  });

  it('has a currency that we know', () => {
    expect(CURRENCIES.every(isCurrency)).toBe(true);
    for (const text of ['idr', 'XXX', '', 'toString', '__proto__']) expect(isCurrency(text)).toBe(false);
  });
});

describe('Amounts of two currencies', () => {
  const [rupiah, dollars] = [money(1n, 'IDR'), money(1n, 'USD')];
  it.each([
    ['add', () => add(rupiah, dollars)],
    ['subtract', () => subtract(rupiah, dollars)],
    ['compare', () => isGreater(rupiah, dollars)],
    ['sum', () => sum([rupiah, dollars], 'IDR')],
    ['sum up under a third name', () => sum([rupiah], 'USD')],
  ])('do not %s', (_verb, mix) => {
    expect(mix).toThrow(/Cannot combine/);
  });

  it('of one currency do', () => {
    expect(add(money(2n, 'IDR'), money(3n, 'IDR'))).toEqual(money(5n, 'IDR'));
    expect(subtract(money(2n, 'IDR'), money(3n, 'IDR'))).toEqual(money(-1n, 'IDR'));
    expect(sum([], 'JPY')).toEqual(zero('JPY'));
    expect(isGreater(money(2n, 'IDR'), money(2n, 'IDR'))).toBe(false);
    expect(isGreater(money(3n, 'IDR'), money(2n, 'IDR'))).toBe(true);
  });
});

describe('Scaling', () => {
  it.each([
    [1n, 1n, 2n, 1n],
    [-1n, 1n, 2n, -1n],
    [5n, 1n, 10n, 1n],
    [4n, 1n, 10n, 0n],
    [-4n, 1n, 10n, 0n],
    [299_000n, 11n, 100n, 32_890n],
    [149_999n, 11n, 12n, 137_499n],
    [7n, -1n, 2n, -4n],
  ])('%s × %s / %s rounds to %s', (units, numerator, denominator, expected) => {
    expect(scaleHalfUp(money(units, 'IDR'), numerator, denominator).minor).toBe(expected);
  });

  it('is at most half a unit off the exact value, and at exactly half it is the one away from zero', () => {
    fc.assert(
      fc.property(minor, fc.bigInt(-1_000n, 1_000n), fc.bigInt(1n, 1_000n), (units, numerator, denominator) => {
        const rounded = scaleHalfUp(money(units, 'IDR'), numerator, denominator).minor;
        const exact = units * numerator; // over `denominator`
        const twiceOff = 2n * (rounded * denominator - exact);
        const magnitude = twiceOff < 0n ? -twiceOff : twiceOff;
        expect(magnitude <= denominator).toBe(true);
        if (magnitude === denominator) expect(twiceOff > 0n).toBe(exact > 0n);
      }),
    );
  });

  it.each([0n, -1n])('by a denominator of %s is refused', (denominator) => {
    expect(() => scaleHalfUp(money(1n, 'IDR'), 1n, denominator)).toThrow(RangeError);
  });
});

describe('Allocating', () => {
  const weights = fc
    .array(fc.bigInt(0n, 10n ** 20n), { minLength: 1, maxLength: 12 })
    .filter((all) => all.some((weight) => weight > 0n));

  it('neither loses nor invents a unit, and gives nobody a unit more or less than the exact share', () => {
    fc.assert(
      fc.property(anyMoney, weights, (value, parts) => {
        const shares = allocate(value, parts);
        const total = parts.reduce((a, b) => a + b, 0n);
        expect(sum(shares, value.currency)).toEqual(value);
        shares.forEach((share, index) => {
          const off = share.minor * total - value.minor * (parts[index] ?? 0n);
          expect((off < 0n ? -off : off) < total).toBe(true);
        });
      }),
    );
  });

  it('gives nothing to a weight of nothing, and nobody a share of the other sign', () => {
    fc.assert(
      fc.property(anyMoney, weights, (value, parts) => {
        allocate(value, parts).forEach((share, index) => {
          if (parts[index] === 0n) expect(share.minor).toBe(0n);
          expect(share.minor * value.minor >= 0n).toBe(true);
        });
      }),
    );
  });

  it('gives the units left over to the largest remainders, earlier ones first', () => {
    const minors = (units: bigint, parts: readonly bigint[]) =>
      allocate(money(units, 'IDR'), parts).map((s) => s.minor);
    expect(minors(100n, [1n, 1n, 1n])).toEqual([34n, 33n, 33n]);
    expect(minors(-100n, [1n, 1n, 1n])).toEqual([-34n, -33n, -33n]);
    expect(minors(10n, [1n, 2n, 4n])).toEqual([1n, 3n, 6n]);
    expect(minors(0n, [3n, 1n])).toEqual([0n, 0n]);
  });

  it.each<readonly [why: string, weights: readonly bigint[]]>([
    ['no weights', []],
    ['weights that add up to nothing', [0n, 0n]],
    ['a negative weight', [2n, -1n]],
  ])('by %s is refused', (_why, parts) => {
    expect(() => allocate(money(1n, 'IDR'), parts)).toThrow(RangeError);
  });
});
