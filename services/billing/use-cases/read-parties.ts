import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { type CustomerId, isId, PLATFORM_TENANT_ID, type TenantId, type UserId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { readContact } from '@tenantry/users/contract/users.ts';
import { customerNotFound } from '../problems.ts';
import type { Buyer, Parties } from '../store/invoice-parties.ts';
import type { BillingDeps } from './deps.ts';

const TIMEOUT_MS = 1_500;

/**
 * Seller and buyer of an invoice about to be finalised. An invoice without its buyer's name would be none, so with users
 * away the caller gets their 503 and tries again.
 */
export const readParties =
  ({ mesh, tenants }: Pick<BillingDeps, 'mesh' | 'tenants'>) =>
  async (tenant: TenantRecord, customerId: CustomerId): Promise<Parties> => ({
    seller: { name: tenant.name, npwp: tenant.tax.npwp },
    buyer: isId('ten', customerId)
      ? await readTenant({ tenants }, tenant.id, customerId)
      : await readPerson({ mesh }, tenant.id, customerId),
  });

async function readPerson({ mesh }: Pick<BillingDeps, 'mesh'>, tenantId: TenantId, userId: UserId): Promise<Buyer> {
  try {
    const { name, email, locale } = await mesh.call(
      readContact,
      { params: { userId } },
      { tenantId, onBehalfOf: userId, timeoutMs: TIMEOUT_MS },
    );
    return { name, email, locale };
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw customerNotFound(`There is no user ${userId} in this tenant, so there is nobody to bill.`, { cause: error });
  }
}

/** As the platform knows it: its name and tax identity are what an invoice of the platform to it must bear. */
async function readTenant(
  { tenants }: Pick<BillingDeps, 'tenants'>,
  sellerId: TenantId,
  tenantId: TenantId,
): Promise<Buyer> {
  const unknown = (cause?: unknown) =>
    customerNotFound(`There is no tenant ${tenantId} among the customers of this one.`, { cause });
  if (sellerId !== PLATFORM_TENANT_ID || tenantId === PLATFORM_TENANT_ID) throw unknown();
  try {
    const { name, tax, country } = await tenants.get(tenantId);
    return { name, email: null, npwp: tax.npwp, locale: country === 'ID' ? 'id' : 'en' };
  } catch (error) {
    throw isNotFound(error) ? unknown(error) : error;
  }
}

const isNotFound = (error: unknown): boolean => error instanceof Problem && error.kind.category === 'not-found';
