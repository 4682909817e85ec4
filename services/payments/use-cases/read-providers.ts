import type { Principal } from '@tenantry/auth/principal.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import type { ProviderRecord } from '../domain/provider-account.ts';
import { paymentNotConfigured } from '../problems.ts';
import { findProvider } from '../store/providers.ts';
import type { PaymentsDeps } from './payments-deps.ts';

/** None, or one. Looking is a first use: in development it provides the sandbox account. */
export const readProviders =
  ({ databases, accounts }: Pick<PaymentsDeps, 'databases' | 'accounts'>) =>
  async (principal: Principal): Promise<readonly ProviderRecord[]> => {
    await accounts.ensure(principal.tenantId).catch((error: unknown) => {
      if (error instanceof Problem && error.kind.code === paymentNotConfigured.kind.code) return null;
      throw error;
    });
    const record = await databases.withTenant.read(principal.tenantId, findProvider);
    return record === null ? [] : [record];
  };
