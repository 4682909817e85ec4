import type { TenantId } from '@tenantry/kernel/id.ts';
import type { ProviderEnvironment } from '../domain/provider-account.ts';

/** One tenant's account at Midtrans. */
export type MidtransAccount = {
  readonly tenantId: TenantId;
  readonly environment: ProviderEnvironment;
  readonly serverKey: string;
};
