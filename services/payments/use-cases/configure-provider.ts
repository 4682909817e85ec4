import type { Principal } from '@tenantry/auth/principal.ts';
import type { ProviderEnvironment, ProviderRecord } from '../domain/provider-account.ts';
import { findProvider } from '../store/providers.ts';
import type { PaymentsDeps } from './payments-deps.ts';

export const configureProvider =
  ({ databases, accounts }: Pick<PaymentsDeps, 'databases' | 'accounts'>) =>
  async (
    principal: Principal,
    credentials: { readonly environment: ProviderEnvironment; readonly serverKey: string },
  ): Promise<ProviderRecord> => {
    await accounts.set(principal, credentials);
    const record = await databases.withTenant.read(principal.tenantId, findProvider);
    if (record === null) throw new Error('Credentials that were set have a row.');
    return record;
  };
