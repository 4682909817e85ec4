import { type RebuildOptions, type Rebuilt, rebuildReadModel } from '@tenantry/events/rebuild-read-model.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { paymentReadModel } from '../store/payment-read-model.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/** Writes the read rows of a tenant's payments anew from their events, beside whatever else goes on. */
export const rebuildPayments =
  ({ databases }: Pick<PaymentsDeps, 'databases'>) =>
  (tenantId: TenantId, options?: RebuildOptions): Promise<Rebuilt> =>
    rebuildReadModel(databases.withTenant, tenantId, paymentReadModel, options);
