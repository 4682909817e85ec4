import { openBilling } from '@tenantry/billing/app.ts';
import { billingConfiguration } from '@tenantry/billing/config.ts';
import { openGateway } from '@tenantry/gateway/app.ts';
import { gatewayConfiguration } from '@tenantry/gateway/config.ts';
import { openHub } from '@tenantry/hub/app.ts';
import { hubConfiguration } from '@tenantry/hub/config.ts';
import type { ConfigurationDefinition } from '@tenantry/kit/configuration.ts';
import type { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import { openNotifications } from '@tenantry/notifications/app.ts';
import { notificationsConfiguration } from '@tenantry/notifications/config.ts';
import { openPayments } from '@tenantry/payments/app.ts';
import { paymentsConfiguration } from '@tenantry/payments/config.ts';
import { openSubscriptions } from '@tenantry/subscriptions/app.ts';
import { subscriptionsConfiguration } from '@tenantry/subscriptions/config.ts';
import { openUsers } from '@tenantry/users/app.ts';
import { usersConfiguration } from '@tenantry/users/config.ts';

export type RunningPart = { readonly url: string; readonly close: () => Promise<void> };

/** One of the programs that here live in one process. */
export type Part = {
  readonly name: string;
  readonly print: (environment: NodeJS.ProcessEnv) => string;
  /** Throws a ConfigurationError where it could not be opened with this. */
  readonly check: (environment: NodeJS.ProcessEnv) => void;
  readonly open: (environment: NodeJS.ProcessEnv, localDoors: LocalDoors) => Promise<RunningPart>;
};

const part = <Value>(
  configuration: ConfigurationDefinition<Value>,
  open: (value: Value, overrides: { readonly localDoors: LocalDoors }) => Promise<RunningPart>,
): Part => ({
  name: configuration.program,
  print: configuration.print,
  check: (environment) => void configuration.read(environment),
  open: (environment, localDoors) => open(configuration.read(environment), { localDoors }),
});

export const hub = part(hubConfiguration, openHub);
export const services: readonly Part[] = [
  part(usersConfiguration, openUsers),
  part(subscriptionsConfiguration, openSubscriptions),
  part(paymentsConfiguration, openPayments),
  part(notificationsConfiguration, openNotifications),
  part(billingConfiguration, openBilling),
];
export const gateway = part(gatewayConfiguration, (configuration, { localDoors }) =>
  openGateway(configuration, null, localDoors),
);
