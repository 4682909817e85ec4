import { type Principal, servicePrincipal } from '@tenantry/auth/principal.ts';
import { deriveKey } from '@tenantry/databases/credentials.ts';
import type { Databases } from '@tenantry/databases/factory.ts';
import type { TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { recordAudit } from '@tenantry/kit/audit.ts';
import { hintOf, type ProviderEnvironment, type ProviderRecord } from '../domain/provider-account.ts';
import { paymentNotConfigured } from '../problems.ts';
import type { MidtransAccount } from '../provider/midtrans-account.ts';
import { addProvider, findProvider, putProvider } from '../store/providers.ts';
import type { PaymentsUnitOfWork, PaymentTables } from '../store/tables.ts';

type Credentials = { readonly environment: ProviderEnvironment; readonly serverKey: string };

export type ProviderAccounts = {
  /** Null when the tenant has no credentials. */
  readonly find: (tenantId: TenantId) => Promise<MidtransAccount | null>;
  /**
   * In development a tenant without credentials gets an account at the sandbox; in production it is refused with
   * `payment-provider-not-configured`.
   */
  readonly ensure: (tenantId: TenantId) => Promise<MidtransAccount>;
  readonly set: (principal: Principal, credentials: Credentials) => Promise<void>;
};

const SECRET = 'midtrans';

/** A tenant's credentials: the key in the secrets engine, what may be shown of it in a row with its audit record. */
export function createProviderAccounts(options: {
  readonly databases: Databases<PaymentTables>;
  readonly masterKey: string;
  readonly isDevelopment: boolean;
}): ProviderAccounts {
  const { databases, masterKey } = options;

  const find = async (tenantId: TenantId): Promise<MidtransAccount | null> => {
    const secret = await databases.secrets.read(tenantId, SECRET);
    return secret === null ? null : { tenantId, ...(JSON.parse(secret) as Credentials) };
  };
  const keep = (tenantId: TenantId, credentials: Credentials): Promise<void> =>
    databases.secrets.write(tenantId, SECRET, JSON.stringify(credentials));
  const toRecord = ({ environment, serverKey }: Credentials, updatedAt: Temporal.Instant): ProviderRecord => ({
    environment,
    serverKeyHint: hintOf(serverKey),
    updatedAt,
  });
  const audit = (uow: PaymentsUnitOfWork, principal: Principal, { environment, serverKeyHint }: ProviderRecord) =>
    recordAudit(uow as TenantUnitOfWork, principal, {
      action: 'payment-provider:update',
      resource: uow.tenantId,
      detail: { provider: 'midtrans', environment, serverKeyHint },
    });

  const provision = async (tenantId: TenantId): Promise<MidtransAccount> => {
    // Derived, not random: two processes that provision at the same time arrive at the same account.
    const key = deriveKey(masterKey, `midtrans-sandbox:${tenantId}`).toString('hex').slice(0, 32);
    const credentials: Credentials = { environment: 'sandbox', serverKey: `SB-Mid-server-${key}` };
    const isOurs = await databases.withTenant(tenantId, async (uow) => {
      const record = toRecord(credentials, uow.now);
      if (await addProvider(uow, record)) {
        await audit(uow, servicePrincipal('payments', tenantId), record);
        return true;
      }
      return (await findProvider(uow))?.serverKeyHint === record.serverKeyHint;
    });
    // Somebody has set other credentials meanwhile; theirs must not be overwritten.
    const theirs = await find(tenantId);
    if (theirs !== null) return theirs;
    if (!isOurs) throw paymentNotConfigured('The server key of this tenant is not there. Have an admin set it again.');
    await keep(tenantId, credentials);
    return { tenantId, ...credentials };
  };

  return {
    find,
    async ensure(tenantId) {
      const account = await find(tenantId);
      if (account !== null) return account;
      if (options.isDevelopment) return provision(tenantId);
      throw paymentNotConfigured('This tenant has no payment provider yet. An admin sets the Midtrans credentials.');
    },
    async set(principal, credentials) {
      // The key first: a row without its key would claim what is not there. A key without its row works, and the
      // request that did not end well is repeated.
      await keep(principal.tenantId, credentials);
      await databases.withTenant(principal.tenantId, async (uow) => {
        const record = toRecord(credentials, uow.now);
        await putProvider(uow, record);
        await audit(uow, principal, record);
      });
    },
  };
}
