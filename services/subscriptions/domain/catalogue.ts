import { type Currency, type Money, parseMoney } from '@tenantry/kernel/money.ts';
import type { Interval } from './period.ts';

/** `switch`: on or off. `limit`: how many may exist. `quota`: how many per period. -1 has no end. */
export type PlanFeature =
  | { readonly feature: string; readonly kind: 'switch'; readonly value: boolean }
  | { readonly feature: string; readonly kind: 'limit' | 'quota'; readonly value: number };

export const UNLIMITED = -1;
export const FREE_PLAN = 'free';

/** Minor units differ per currency, so prices are written as people read them. */
type Amounts = Readonly<Record<Currency, string>>;

type CataloguePlan = {
  readonly slug: string;
  readonly name: string;
  readonly prices: Readonly<Partial<Record<Interval, Amounts>>>;
  readonly features: readonly PlanFeature[];
};

const NOTHING: Amounts = { IDR: '0', USD: '0', EUR: '0', SGD: '0', JPY: '0', KWD: '0' };

const features = (values: {
  apiCalls: number;
  seats: number;
  analytics: boolean;
  customBranding: boolean;
  prioritySupport: boolean;
}): readonly PlanFeature[] => [
  { feature: 'api-calls', kind: 'quota', value: values.apiCalls },
  { feature: 'seats', kind: 'limit', value: values.seats },
  { feature: 'analytics', kind: 'switch', value: values.analytics },
  { feature: 'custom-branding', kind: 'switch', value: values.customBranding },
  { feature: 'priority-support', kind: 'switch', value: values.prioritySupport },
];

/** What every tenant starts with, cheapest first. From then on its copies are its own. A year costs ten months. */
export const CATALOGUE: readonly CataloguePlan[] = [
  {
    slug: FREE_PLAN,
    name: 'Free',
    prices: { month: NOTHING },
    features: features({ apiCalls: 100, seats: 1, analytics: false, customBranding: false, prioritySupport: false }),
  },
  {
    slug: 'pro',
    name: 'Pro',
    prices: {
      month: { IDR: '150000', USD: '10', EUR: '9', SGD: '13', JPY: '1500', KWD: '3' },
      year: { IDR: '1500000', USD: '100', EUR: '90', SGD: '130', JPY: '15000', KWD: '30' },
    },
    features: features({ apiCalls: 1_000, seats: 10, analytics: true, customBranding: false, prioritySupport: false }),
  },
  {
    slug: 'enterprise',
    name: 'Enterprise',
    prices: {
      month: { IDR: '1500000', USD: '100', EUR: '90', SGD: '130', JPY: '15000', KWD: '30' },
      year: { IDR: '15000000', USD: '1000', EUR: '900', SGD: '1300', JPY: '150000', KWD: '300' },
    },
    features: features({
      apiCalls: 100_000,
      seats: UNLIMITED,
      analytics: true,
      customBranding: true,
      prioritySupport: true,
    }),
  },
];

export const pricesIn = (
  plan: CataloguePlan,
  currency: Currency,
): readonly { readonly interval: Interval; readonly price: Money }[] =>
  (['month', 'year'] as const).flatMap((interval) => {
    const amounts = plan.prices[interval];
    return amounts === undefined ? [] : [{ interval, price: parseMoney({ amount: amounts[currency], currency }) }];
  });
