import { type Money, scaleHalfUp, sum } from '@tenantry/kernel/money.ts';

/** Which rule an invoice is taxed by: Indonesian PPN, or not at all. */
export type TaxScheme = 'ppn' | 'none';

/** One tax of an invoice. `otherBase` is the DPP nilai lain that Indonesian law wants shown; null where there is none. */
export type Tax = {
  readonly name: string;
  /** Percent, as a decimal string. */
  readonly rate: string;
  readonly base: Money;
  readonly otherBase: Money | null;
  readonly amount: Money;
};

/**
 * PMK 131/2024: 12 % of a base that is 11/12 of the price, for everything that is no luxury. The tax is one exact rational
 * of the price, 11/12 × 12/100 = 11/100, rounded half up once (PER-11/PJ/2025 art. 129(3)). Taking 12 % of the rounded
 * base instead would be off by a rupiah for some prices. The base is shown, never computed with.
 */
export function taxesOf(base: Money, scheme: TaxScheme): readonly Tax[] {
  if (scheme === 'none') return [];
  const otherBase = scaleHalfUp(base, 11n, 12n);
  const amount = scaleHalfUp(base, 11n * 12n, 12n * 100n);
  return [{ name: 'PPN', rate: '12', base, otherBase, amount }];
}

export const taxAmount = (taxes: readonly Tax[], base: Money): Money =>
  sum(
    taxes.map((tax) => tax.amount),
    base.currency,
  );

/** A tenant charges PPN when it is established in Indonesia and registered for it (pengusaha kena pajak). */
export const taxSchemeOf = (tenant: {
  readonly country: string;
  readonly tax: { readonly registered: boolean };
}): TaxScheme => (tenant.country === 'ID' && tenant.tax.registered ? 'ppn' : 'none');
