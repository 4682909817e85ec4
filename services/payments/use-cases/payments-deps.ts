import type { Databases } from '@tenantry/databases/factory.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { PaymentProvider } from '../provider/payment-provider.ts';
import type { PaymentTables } from '../store/tables.ts';
import type { ProviderAccounts } from './provider-accounts.ts';

/** What use cases are made of; each takes the part that it needs. */
export type PaymentsDeps = {
  readonly databases: Databases<PaymentTables>;
  readonly provider: PaymentProvider;
  readonly accounts: ProviderAccounts;
  readonly clock: Clock;
  readonly logger: Logger;
};
