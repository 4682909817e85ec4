import { join } from 'node:path';
import type { Ports } from './ports.ts';
import type { Settings } from './settings.ts';
import { type StoreUrls, withoutCredentials } from './stores.ts';

/** One of our own processes: a simulator or a service. */
export type Program = {
  readonly name: string;
  readonly file: string;
  readonly port: number;
  /** Of whoever answers there; left out, it is the program itself. */
  readonly what?: string;
  /** Where a person would look at it. */
  readonly url: string;
  readonly alsoListens: readonly { readonly what: string; readonly port: number; readonly url: string }[];
  readonly environment: Readonly<Record<string, string>>;
};

export type Programs = { readonly simulators: readonly Program[]; readonly services: readonly Program[] };

export type ProgramsInput = {
  readonly settings: Settings;
  readonly stores: StoreUrls;
  readonly masterKey: string;
  readonly operatorPassword: string;
};

const SERVICES = ['hub', 'users', 'subscriptions', 'payments', 'notifications', 'billing', 'gateway'] as const;
const SIMULATORS = ['midtrans', 'telegram', 'mailbox'] as const;

export function listPrograms(input: ProgramsInput): Programs {
  const { root, ports } = input.settings;
  const program = (kind: string, name: keyof Ports, environment: Record<string, string>): Program => ({
    name,
    file: join(root, kind, name, 'start.ts'),
    port: ports[name],
    url: name === 'gateway' ? input.settings.publicUrl : `http://localhost:${ports[name]}`,
    alsoListens: name === 'mailbox' ? [{ what: 'mailbox (SMTP)', port: ports.smtp, url: smtpUrl(ports) }] : [],
    environment: { PORT: String(ports[name]), HOST: '127.0.0.1', ...environment },
  });
  const shared = serviceEnvironment(input);
  return {
    simulators: SIMULATORS.map((name) => program('simulators', name, simulatorEnvironment(name, input.settings))),
    services: SERVICES.map((name) => {
      const own: Record<string, string> =
        name === 'users' ? { TENANTRY_OPERATOR_PASSWORD: input.operatorPassword } : {};
      return program('services', name, { ...shared, ...own });
    }),
  };
}

/** The same services as one program: all of their ports, and one process (`../single`). */
export function listSingle(input: ProgramsInput): Programs {
  const { simulators, services } = listPrograms(input);
  const gateway = services.filter(({ name }) => name === 'gateway');
  const behind = services.filter(({ name }) => name !== 'gateway');
  return {
    simulators,
    services: gateway.map(({ port, url }) => ({
      ...{
        name: 'single',
        file: join(input.settings.root, 'deploy', 'single', 'start.ts'),
        what: 'gateway',
        port,
        url,
      },
      alsoListens: behind.map(({ name: what, ...at }) => ({ what, port: at.port, url: at.url })),
      environment: {
        HOST: '127.0.0.1',
        ...serviceEnvironment(input),
        TENANTRY_OPERATOR_PASSWORD: input.operatorPassword,
        ...Object.fromEntries(services.map((service) => [`${service.name.toUpperCase()}_PORT`, `${service.port}`])),
      },
    })),
  };
}

function simulatorEnvironment(name: (typeof SIMULATORS)[number], settings: Settings): Record<string, string> {
  const common = { TENANTRY_DATA_DIR: settings.dataDir };
  return name === 'mailbox' ? { ...common, SMTP_PORT: String(settings.ports.smtp) } : common;
}

function serviceEnvironment({ settings, stores, masterKey }: ProgramsInput): Record<string, string> {
  const at = (port: number): string => `http://127.0.0.1:${port}`;
  return {
    DATABASE_URL: stores.postgres,
    TENANT_DATABASES: stores.tenantDatabases.map(({ name, url }) => `${name}=${withoutCredentials(url)}`).join(','),
    TENANT_PLACEMENTS: settings.tenantPlacements,
    REDIS_URL: stores.redis,
    NATS_URL: stores.nats,
    CLICKHOUSE_URL: stores.clickhouse,
    HUB_URL: at(settings.ports.hub),
    PUBLIC_URL: settings.publicUrl,
    MIDTRANS_URL: at(settings.ports.midtrans),
    TELEGRAM_URL: at(settings.ports.telegram),
    MAILBOX_URL: at(settings.ports.mailbox),
    SMTP_URL: smtpUrl(settings.ports),
    TENANTRY_DATA_DIR: settings.dataDir,
    TENANTRY_MASTER_KEY: masterKey,
    TENANTRY_ENVIRONMENT: 'development',
    // One person's clicks: whichever of them is asked about later, it is there.
    TRACE_SAMPLE_RATIO: process.env.TRACE_SAMPLE_RATIO ?? '1',
    TENANTRY_NAMESPACE: '',
    ...(settings.secrets.SECRETS_ENGINE === 'file' ? {} : settings.secrets),
  };
}

function smtpUrl(ports: Ports): string {
  return `smtp://127.0.0.1:${ports.smtp}`;
}
