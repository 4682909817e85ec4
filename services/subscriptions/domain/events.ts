import type { MoneyView } from '@tenantry/kernel/money.ts';
import type { Interval } from './period.ts';

/** How the subscriber pays; what the payment side understands, kept as it was given. */
export type PaymentMethod =
  | { readonly type: 'bank_transfer'; readonly bank: 'bca' | 'bni' | 'bri' | 'permata' }
  | { readonly type: 'qris' }
  | { readonly type: 'gopay' };

/** Why a first payment never came about. */
export type ExpiryReason = 'refused' | 'not-collected' | 'voided' | 'refunded' | 'canceled';
export type CancelReason = 'requested' | 'period-end' | 'unpaid' | 'refunded';
export type GraceCause = 'renewal' | 'reversal';

export type QuotaUse = { readonly feature: string; readonly used: number };

type PeriodData = { readonly periodStart: string; readonly periodEnd: string };

/**
 * What has happened to a subscription, as it is stored: plain JSON, instants in RFC 3339, amounts as decimal strings.
 * `invoiceVersion` is the version of billing's fact that it came of, so that an older fact heard later changes nothing.
 */
export type SubscriptionEvent =
  | {
      readonly type: 'created';
      readonly data: {
        readonly subscriberId: string;
        readonly planId: string;
        readonly planSlug: string;
        readonly planName: string;
        readonly price: MoneyView;
        readonly interval: Interval;
        /** The tenant's when it was ordered: the calendar of all periods. */
        readonly timeZone: string;
        readonly paymentMethod: PaymentMethod | null;
        /** Null where nothing is to be paid. */
        readonly invoiceId: string | null;
        readonly paymentId: string | null;
        readonly at: string;
      };
    }
  /** Billing has taken the collection over: from here on its events say what becomes of it. */
  | { readonly type: 'collection-accepted'; readonly data: { readonly invoiceId: string } }
  /** The first period begins; all later ones are counted from its start. */
  | { readonly type: 'activated'; readonly data: PeriodData & { readonly invoiceVersion: number } }
  | {
      readonly type: 'expired';
      readonly data: { readonly reason: ExpiryReason; readonly invoiceVersion: number; readonly at: string };
    }
  | { readonly type: 'cancel-scheduled'; readonly data: { readonly at: string } }
  | {
      readonly type: 'period-closed';
      readonly data: PeriodData & { readonly usage: readonly QuotaUse[]; readonly amountDue: MoneyView };
    }
  /** The next period has begun and is to be paid; features go on until the grace ends. */
  | {
      readonly type: 'renewal-started';
      readonly data: PeriodData & {
        readonly invoiceId: string;
        readonly paymentId: string;
        readonly graceId: string;
        readonly graceEndsAt: string;
        readonly at: string;
      };
    }
  /** The next period of a subscription that costs nothing. */
  | { readonly type: 'renewed'; readonly data: PeriodData }
  /** What was owed is paid. */
  | { readonly type: 'settled'; readonly data: { readonly invoiceVersion: number; readonly at: string } }
  /** Money that had been paid was taken back. */
  | {
      readonly type: 'payment-reversed';
      readonly data: {
        readonly invoiceVersion: number;
        readonly graceId: string;
        readonly graceEndsAt: string;
        readonly at: string;
      };
    }
  /** A fact of billing that changes no state but outdates older ones. */
  | { readonly type: 'invoice-noted'; readonly data: { readonly invoiceVersion: number; readonly fact: string } }
  | {
      readonly type: 'canceled';
      readonly data: { readonly reason: CancelReason; readonly invoiceVersion: number; readonly at: string };
    };
