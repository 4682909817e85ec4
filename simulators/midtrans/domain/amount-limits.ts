import type { RequestedMethod } from './requested-method.ts';

type Limits = { readonly min: number; readonly max: number };

/** What the acquirers accept, in rupiah (Midtrans: minimum and maximum transaction table). */
export function amountLimits(method: RequestedMethod): Limits {
  switch (method.type) {
    case 'bank_transfer':
      return bankLimits[method.bank];
    case 'echannel':
      return { min: 1, max: 50_000_000_000 };
    case 'gopay':
      return { min: 1, max: 20_000_000 };
    case 'qris':
      return { min: 1, max: 10_000_000 };
  }
}

const bankLimits = {
  bca: { min: 10_000, max: 20_000_000_000 },
  bni: { min: 1, max: Number.MAX_SAFE_INTEGER }, // no limit is published
  bri: { min: 1, max: 20_000_000_000 },
  cimb: { min: 1, max: 250_000_000 },
  permata: { min: 1, max: 9_999_999_999 },
} as const;
