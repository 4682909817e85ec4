import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import { emit } from '@tenantry/events/emit.ts';
import type { Currency } from '@tenantry/kernel/money.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { catalogueChanged } from '../contract/events.ts';
import { insertCatalogue, listPlans, type Plan } from '../store/plans.ts';
import { DUE, type SubscriptionsUow } from './deps.ts';

/** The tenant's plans; on their first use they are made. Running twice at once makes them once. */
export async function ensurePlans(uow: SubscriptionsUow, currency: Currency): Promise<readonly Plan[]> {
  const plans = await listPlans(uow);
  if (plans.length > 0) return plans;
  const made = await insertCatalogue(uow, currency);
  if (made) {
    const { tenantId } = uow;
    await schedule(uow as TenantUnitOfWork, DUE.sweepUsage, tenantId, uow.now);
    await emit(uow as TenantUnitOfWork, catalogueChanged, { subject: tenantId, version: 0, data: { tenantId } });
  }
  return listPlans(uow);
}
