import { assemble } from '@tenantry/kit/import-manager/assemble.ts';
import { singleton } from '@tenantry/kit/import-manager/part.ts';
import {
  openService,
  type Platform,
  type RunningService,
  type ServiceOverrides,
} from '@tenantry/kit/lifecycle/service.ts';
import type { PaymentsConfiguration } from './config.ts';
import { createMidtransClient, type MidtransClient } from './provider/midtrans-client.ts';
import { createPaymentProvider } from './provider/payment-provider.ts';
import { createProviderPolicies } from './provider/provider-policies.ts';
import { paymentRoutes } from './routes/payments.ts';
import { providerRoutes } from './routes/providers.ts';
import { paymentDue } from './schedule/payment-due.ts';
import type { PaymentTables } from './store/tables.ts';
import { attemptCharge } from './use-cases/attempt-charge.ts';
import { attemptRefund } from './use-cases/attempt-refund.ts';
import { cancelPayment } from './use-cases/cancel-payment.ts';
import { chargePayment } from './use-cases/charge-payment.ts';
import { checkReversal } from './use-cases/check-reversal.ts';
import { configureProvider } from './use-cases/configure-provider.ts';
import { listPayments } from './use-cases/list-payments.ts';
import { listRefunds } from './use-cases/list-refunds.ts';
import { createProviderAccounts } from './use-cases/provider-accounts.ts';
import { readPayment } from './use-cases/read-payment.ts';
import { readProviders } from './use-cases/read-providers.ts';
import { receiveNotification } from './use-cases/receive-notification.ts';
import { reconcilePayment } from './use-cases/reconcile-payment.ts';
import { reconcileRefund } from './use-cases/reconcile-refund.ts';
import { refundPayment } from './use-cases/refund-payment.ts';

const MIDTRANS = {
  name: 'midtrans',
  isCritical: false,
  degradedMode: 'Charges and refunds wait as intents and are tried again; callers are told processing, or 503.',
} as const;

export const openPayments = (
  configuration: PaymentsConfiguration,
  overrides: ServiceOverrides = {},
): Promise<RunningService> =>
  openService<PaymentTables, PaymentsConfiguration>({
    name: 'payments',
    configuration,
    create: createApp,
    ...overrides,
  });

async function createApp(
  { databases, dependencies, clock, logger }: Platform<PaymentTables>,
  configuration: PaymentsConfiguration,
) {
  const { parts: app, close } = await assemble(
    { databases, clock, logger },
    {
      client: singleton(
        [],
        () => {
          const client: MidtransClient = createMidtransClient({
            urls: { sandbox: configuration.MIDTRANS_URL, production: configuration.MIDTRANS_PRODUCTION_URL },
            policies: createProviderPolicies({
              monitor: dependencies.declare(MIDTRANS, { probe: (signal) => client.greet(signal) }),
              onTransition: ({ tenantId, environment }, transition) =>
                dependencies.breakerMoved(MIDTRANS.name, transition, { tenantId, environment }),
            }),
          });
          return client;
        },
        (client) => client.close(),
      ),
      provider: ({ client }: { client: MidtransClient }) =>
        createPaymentProvider({
          client,
          notificationUrl: ({ tenantId }) => `${configuration.PUBLIC_URL}/v1/webhooks/midtrans/${tenantId}`,
        }),
      accounts: () =>
        createProviderAccounts({
          databases,
          masterKey: configuration.TENANTRY_MASTER_KEY,
          isDevelopment: configuration.TENANTRY_ENVIRONMENT === 'development',
        }),
      attemptCharge,
      attemptRefund,
      cancelPayment,
      chargePayment,
      checkReversal,
      configureProvider,
      listPayments,
      listRefunds,
      readPayment,
      readProviders,
      receiveNotification,
      reconcilePayment,
      reconcileRefund,
      refundPayment,
    },
  );
  return {
    routes: [...paymentRoutes(app), ...providerRoutes(app)],
    subscriptions: [],
    due: paymentDue(app),
    close,
  };
}
