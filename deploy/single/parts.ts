import type { ConfigurationDefinition } from '@tenantry/kit/configuration.ts';
import type { LocalDoors } from '../../packages/mesh/local-doors.ts';
import { openBilling } from '../../services/billing/app.ts';
import { billingConfiguration } from '../../services/billing/config.ts';
import { openGateway } from '../../services/gateway/app.ts';
import { gatewayConfiguration } from '../../services/gateway/config.ts';
import { openHub } from '../../services/hub/app.ts';
import { hubConfiguration } from '../../services/hub/config.ts';
import { openNotifications } from '../../services/notifications/app.ts';
import { notificationsConfiguration } from '../../services/notifications/config.ts';
import { openPayments } from '../../services/payments/app.ts';
import { paymentsConfiguration } from '../../services/payments/config.ts';
import { openSubscriptions } from '../../services/subscriptions/app.ts';
import { subscriptionsConfiguration } from '../../services/subscriptions/config.ts';
import { openUsers } from '../../services/users/app.ts';
import { usersConfiguration } from '../../services/users/config.ts';

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
