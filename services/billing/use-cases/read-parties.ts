import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import type { UserId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { readContact } from '@tenantry/users/contract/users.ts';
import { customerNotFound } from '../problems.ts';
import type { Parties } from '../store/invoice-parties.ts';
import type { BillingDeps } from './deps.ts';

const TIMEOUT_MS = 1_500;

/**
 * Seller and buyer of an invoice about to be finalised. An invoice without its buyer's name would be none, so with users
 * away the caller gets their 503 and tries again.
 */
export const readParties =
  ({ mesh }: Pick<BillingDeps, 'mesh'>) =>
  async (tenant: TenantRecord, customerId: UserId): Promise<Parties> => {
    try {
      const contact = await mesh.call(
        readContact,
        { params: { userId: customerId } },
        { tenantId: tenant.id, onBehalfOf: customerId, timeoutMs: TIMEOUT_MS },
      );
      return {
        seller: { name: tenant.name, npwp: tenant.tax.npwp },
        buyer: { name: contact.name, email: contact.email, locale: contact.locale },
      };
    } catch (error) {
      if (!(error instanceof Problem) || error.kind.category !== 'not-found') throw error;
      throw customerNotFound(`There is no user ${customerId} in this tenant, so there is nobody to bill.`, {
        cause: error,
      });
    }
  };
