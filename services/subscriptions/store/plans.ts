import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { idFromUuid, newUuid, type PlanId, uuidOf } from '@tenantry/kernel/id.ts';
import { type Currency, type Money, money } from '@tenantry/kernel/money.ts';
import { CATALOGUE, type PlanFeature, pricesIn } from '../domain/catalogue.ts';
import type { Interval } from '../domain/period.ts';
import type { SubscriptionsTables } from './tables.ts';

type Uow = TenantUnitOfWork<SubscriptionsTables>;
type Reader = TenantReader<SubscriptionsTables>;

export type Plan = {
  readonly id: PlanId;
  readonly slug: string;
  readonly name: string;
  readonly prices: readonly { readonly interval: Interval; readonly price: Money }[];
  readonly features: readonly PlanFeature[];
};

/** Cheapest first; empty before the tenant's copies were made. Optionally one plan alone. */
export async function listPlans(reader: Reader, only?: PlanId): Promise<readonly Plan[]> {
  let query = reader.sql.selectFrom('plans').select(['id', 'slug', 'name']).where('tenant_id', '=', reader.tenantUuid);
  if (only !== undefined) query = query.where('id', '=', uuidOf(only));
  const plans = await query.orderBy('position').execute();
  if (plans.length === 0) return [];
  const ids = plans.map((plan) => plan.id);
  const prices = await reader.sql
    .selectFrom('plan_prices')
    .select(['plan_id', 'currency', 'interval', 'amount_minor'])
    .where('tenant_id', '=', reader.tenantUuid)
    .where('plan_id', 'in', ids)
    .orderBy('interval') // 'month' before 'year'
    .execute();
  const features = await reader.sql
    .selectFrom('plan_features')
    .select(['plan_id', 'feature', 'kind', 'value'])
    .where('tenant_id', '=', reader.tenantUuid)
    .where('plan_id', 'in', ids)
    .orderBy('position')
    .execute();
  return plans.map((plan) => ({
    id: idFromUuid('pln', plan.id),
    slug: plan.slug,
    name: plan.name,
    prices: prices
      .filter((row) => row.plan_id === plan.id)
      .map((row) => ({ interval: row.interval, price: money(row.amount_minor, row.currency as Currency) })),
    features: features.filter((row) => row.plan_id === plan.id).map(toFeature),
  }));
}

const toFeature = (row: { feature: string; kind: 'switch' | 'limit' | 'quota'; value: unknown }): PlanFeature =>
  row.kind === 'switch'
    ? { feature: row.feature, kind: row.kind, value: row.value === true }
    : { feature: row.feature, kind: row.kind, value: Number(row.value) };

/** The features of one plan, or of the plan with this slug; of one name only, if asked. */
export async function listFeatures(
  reader: Reader,
  plan: { readonly uuid: string } | { readonly slug: string },
  only?: string,
): Promise<readonly PlanFeature[]> {
  let query = reader.sql
    .selectFrom('plans')
    .innerJoin('plan_features', (join) =>
      join.onRef('plan_features.tenant_id', '=', 'plans.tenant_id').onRef('plan_features.plan_id', '=', 'plans.id'),
    )
    .select(['plan_features.feature', 'plan_features.kind', 'plan_features.value'])
    .where('plans.tenant_id', '=', reader.tenantUuid);
  query = 'uuid' in plan ? query.where('plans.id', '=', plan.uuid) : query.where('plans.slug', '=', plan.slug);
  if (only !== undefined) query = query.where('plan_features.feature', '=', only);
  const rows = await query.orderBy('plan_features.position').execute();
  return rows.map(toFeature);
}

/**
 * Gives a tenant its copies of the catalogue, in its currency. Whoever inserts a plan also inserts what hangs on it; a
 * second one at the same time waits for that and inserts nothing.
 * @returns whether this call made any
 */
export async function insertCatalogue(uow: Uow, currency: Currency): Promise<boolean> {
  let made = false;
  for (const [position, plan] of CATALOGUE.entries()) {
    const id = newUuid();
    const inserted = await uow.sql
      .insertInto('plans')
      .values({ tenant_id: uow.tenantUuid, id, slug: plan.slug, name: plan.name, position, created_at: uow.now })
      .onConflict((conflict) => conflict.columns(['tenant_id', 'slug']).doNothing())
      .executeTakeFirst();
    if (inserted.numInsertedOrUpdatedRows === 0n) continue;
    made = true;
    const own = { tenant_id: uow.tenantUuid, plan_id: id };
    await uow.sql
      .insertInto('plan_prices')
      .values(
        pricesIn(plan, currency).map(({ interval, price }) => ({
          ...own,
          interval,
          currency: price.currency,
          amount_minor: price.minor,
        })),
      )
      .execute();
    await uow.sql
      .insertInto('plan_features')
      .values(
        plan.features.map(({ feature, kind, value }, index) => ({
          ...own,
          feature,
          kind,
          value: JSON.stringify(value),
          position: index,
        })),
      )
      .execute();
  }
  return made;
}
