import { deriveClusterToken } from '@tenantry/databases/credentials.ts';
import type { MeshTrustView } from '@tenantry/hub/contract/mesh.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import type { LocalDoors } from '@tenantry/mesh/local-doors.ts';
import { steadyPort } from './steady-port.ts';

export type PartName =
  | 'hub'
  | 'gateway'
  | 'users'
  | 'subscriptions'
  | 'payments'
  | 'notifications'
  | 'billing'
  | 'midtrans'
  | 'telegram'
  | 'mailbox';

export type OpenPart = {
  readonly url: string;
  readonly close: () => Promise<void>;
  readonly environment: Readonly<Record<string, string>>;
};

type Environment = Readonly<Record<string, string>>;
type Overrides = { readonly clock: Clock; readonly localDoors?: LocalDoors | undefined };

/** Waits between attempts at an event: short, so that a test need not wait as long as production does. */
const redeliveryDelaysMs = [50, 100, 200, 400, 800, 1_600];

/** Imported when asked for, so that a test of one service loads that service alone. */
export async function openByName(
  name: PartName,
  environment: Environment,
  { clock, localDoors }: Overrides,
): Promise<OpenPart> {
  const local = localDoors === undefined ? {} : { localDoors };
  const overrides = { clock, redeliveryDelaysMs, ...local };
  switch (name) {
    case 'hub': {
      const [{ openHub }, { readHubConfiguration }] = await Promise.all([
        import('@tenantry/hub/app.ts'),
        import('@tenantry/hub/config.ts'),
      ]);
      const hub = await openHub(readHubConfiguration(environment), local);
      if (hub.tlsUrl === null) return { ...hub, environment: { HUB_URL: hub.url } };
      const HUB_ROOT_FINGERPRINT = await readFingerprints(hub.url, environment['TENANTRY_MASTER_KEY'] ?? '');
      return { ...hub, environment: { HUB_URL: hub.tlsUrl, HUB_ROOT_FINGERPRINT } };
    }
    case 'gateway': {
      const [{ openGateway }, { readGatewayConfiguration }] = await Promise.all([
        import('@tenantry/gateway/app.ts'),
        import('@tenantry/gateway/config.ts'),
      ]);
      const gateway = await openGateway(readGatewayConfiguration(environment), null, localDoors ?? null);
      return { ...gateway, environment: {} };
    }
    case 'users': {
      const [{ openUsers }, { readUsersConfiguration }] = await Promise.all([
        import('@tenantry/users/app.ts'),
        import('@tenantry/users/config.ts'),
      ]);
      return { ...(await openUsers(readUsersConfiguration(environment), overrides)), environment: {} };
    }
    case 'subscriptions': {
      const [{ openSubscriptions }, { readSubscriptionsConfiguration }] = await Promise.all([
        import('@tenantry/subscriptions/app.ts'),
        import('@tenantry/subscriptions/config.ts'),
      ]);
      return { ...(await openSubscriptions(readSubscriptionsConfiguration(environment), overrides)), environment: {} };
    }
    case 'payments': {
      const [{ openPayments }, { readPaymentsConfiguration }] = await Promise.all([
        import('@tenantry/payments/app.ts'),
        import('@tenantry/payments/config.ts'),
      ]);
      return { ...(await openPayments(readPaymentsConfiguration(environment), overrides)), environment: {} };
    }
    case 'notifications': {
      const [{ openNotifications }, { readNotificationsConfiguration }] = await Promise.all([
        import('@tenantry/notifications/app.ts'),
        import('@tenantry/notifications/config.ts'),
      ]);
      return { ...(await openNotifications(readNotificationsConfiguration(environment), overrides)), environment: {} };
    }
    case 'billing': {
      const [{ openBilling }, { readBillingConfiguration }] = await Promise.all([
        import('@tenantry/billing/app.ts'),
        import('@tenantry/billing/config.ts'),
      ]);
      return { ...(await openBilling(readBillingConfiguration(environment), overrides)), environment: {} };
    }
    default:
      return openSimulator(name, environment);
  }
}

/** What it knows is kept with the world, so that one that is closed and opened again is the same. */
async function openSimulator(name: 'midtrans' | 'telegram' | 'mailbox', environment: Environment): Promise<OpenPart> {
  const listen = { host: '127.0.0.1', port: Number(environment['PORT'] ?? 0) };
  const file = `${environment['TENANTRY_DATA_DIR']}/simulators/${name}.json`;
  if (name === 'midtrans') {
    const { createMidtransSimulator } = await import('@tenantry/simulator-midtrans/app.ts');
    const { app } = createMidtransSimulator({ dataFile: file });
    const url = await app.listen(listen);
    return { url, close: () => app.close(), environment: { MIDTRANS_URL: url } };
  }
  if (name === 'telegram') {
    const { createTelegramSimulator } = await import('@tenantry/simulator-telegram/app.ts');
    const { app } = await createTelegramSimulator({ snapshotPath: file });
    const url = await app.listen(listen);
    return { url, close: () => app.close(), environment: { TELEGRAM_URL: url } };
  }
  const { createMailbox } = await import('@tenantry/simulator-mailbox/app.ts');
  const mailbox = await createMailbox({ snapshotPath: file });
  const url = await mailbox.app.listen(listen);
  // Opened again, it takes mail where it took it before; port 1 is where nobody is.
  const before = Number(new URL(environment['SMTP_URL'] ?? 'smtp://127.0.0.1:1').port);
  const smtpPort = await mailbox.listenSmtp({ ...listen, port: before === 1 ? await steadyPort() : before });
  return {
    url,
    close: () => mailbox.app.close(),
    environment: { MAILBOX_URL: url, SMTP_URL: `smtp://127.0.0.1:${smtpPort}` },
  };
}

/** What somebody would write into the settings of another machine. */
async function readFingerprints(hubUrl: string, masterKey: string): Promise<string> {
  const headers = { authorization: `Bearer ${deriveClusterToken(masterKey)}` };
  const answer = await fetch(`${hubUrl}/v1/mesh/trust`, { headers });
  const { roots } = (await answer.json()) as MeshTrustView;
  return roots.map(({ fingerprint }) => fingerprint).join(',');
}
