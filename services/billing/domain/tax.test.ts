import { money } from '@tenantry/kernel/money.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idr } from '../test/given-invoice.ts';
import { taxAmount, taxesOf, taxSchemeOf } from './tax.ts';

const ppnOf = (base: bigint): bigint => taxAmount(taxesOf(idr(base), 'ppn'), idr(base)).minor;

describe('Indonesian PPN (PMK 131/2024)', () => {
  it('takes 12 % of eleven twelfths, and shows them', () => {
    expect(taxesOf(idr(150_000n), 'ppn')).toEqual([
      { name: 'PPN', rate: '12', base: idr(150_000n), otherBase: idr(137_500n), amount: idr(16_500n) },
    ]);
  });

  it('gives the amounts of the tax office’s sample: 100,000 → DPP 91,667, PPN 11,000', () => {
    const [tax] = taxesOf(idr(100_000n), 'ppn');
    expect([tax?.otherBase, tax?.amount]).toEqual([idr(91_667n), idr(11_000n)]);
  });

  it.each([
    [0n, 0n],
    [1n, 0n], // 0.11
    [4n, 0n], // 0.44
    [5n, 1n], // 0.55
    [50n, 6n], // 5.50: half goes up
    [49n, 5n], // 5.39
    [150n, 17n], // 16.50
    [8_945n, 984n], // 983.95: PER-11/PJ/2025 art. 129(3)
    [299_999n, 33_000n], // 32,999.89
  ])('of Rp %d is Rp %d: half a rupiah goes up, less goes down', (base, tax) => {
    expect(ppnOf(base)).toBe(tax);
  });

  it('rounds once: 12 % of the rounded base would be another amount', () => {
    const [tax] = taxesOf(idr(32n), 'ppn');
    expect([tax?.otherBase, tax?.amount]).toEqual([idr(29n), idr(4n)]); // exactly 3.52; 12 % of 29 is 3.48
  });

  it('is always the nearest rupiah to the exact amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 14n }), (base) => {
        const hundredths = base * 11n;
        const distance = ppnOf(base) * 100n - hundredths;
        expect(distance > -50n && distance <= 50n).toBe(true);
      }),
    );
  });

  it('is charged by registered tenants in Indonesia alone', () => {
    expect(taxSchemeOf({ country: 'ID', tax: { registered: true } })).toBe('ppn');
    expect(taxSchemeOf({ country: 'ID', tax: { registered: false } })).toBe('none');
    expect(taxSchemeOf({ country: 'SG', tax: { registered: true } })).toBe('none');
    expect(taxesOf(money(1_000n, 'SGD'), 'none')).toEqual([]);
  });
});
