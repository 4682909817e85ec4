import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { Currency } from '@tenantry/kernel/money.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { insertCatalogue, listPlans, type Plan } from '../store/plans.ts';
import { DUE, type SubscriptionsUow } from './deps.ts';

/** The tenant's plans; on their first use they are made. Running twice at once makes them once. */
export async function ensurePlans(uow: SubscriptionsUow, currency: Currency): Promise<readonly Plan[]> {
  const plans = await listPlans(uow);
  if (plans.length > 0) return plans;
  const made = await insertCatalogue(uow, currency);
  if (made) await schedule(uow as TenantUnitOfWork, DUE.sweepUsage, uow.tenantId, uow.now);
  return listPlans(uow);
}
