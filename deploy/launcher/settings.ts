import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SecretText, ServerUrl } from '@tenantry/kit/configuration/secrecy.ts';
import {
  SecretsConfiguration,
  type SecretsSettings,
  secretsSettingsOf,
} from '@tenantry/kit/configuration/secrets-engine.ts';
import { defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { Type } from 'typebox';
import { keptMasterKey } from './kept-secret.ts';
import { type Ports, portsWithOffset } from './ports.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What a person can change about `npm start`, by environment variables or in the section "launcher" of the configuration file. */
export type Settings = {
  readonly root: string;
  readonly dataDir: string;
  /** Fetched programs; shared by launchers with data folders of their own. */
  readonly serversDir: string;
  readonly ports: Ports;
  readonly publicUrl: string;
  readonly masterKey: string | undefined;
  readonly operatorPassword: string | undefined;
  /** A URL here replaces the embedded store by a server of somebody else's. */
  readonly external: {
    readonly postgres: string | undefined;
    readonly redis: string | undefined;
    readonly nats: string | undefined;
    readonly clickhouse: string | undefined;
  };
  /** Databases beside the main one, `readTenantDatabases`, and who lives there, as services read it. */
  readonly tenantDatabases: string;
  readonly tenantPlacements: string;
  readonly secrets: SecretsSettings;
};

/** What `npm start` can be told. Services are told the rest by the launcher, or read it themselves. */
export const launcherConfiguration = defineConfiguration(
  'launcher',
  Type.Object({
    TENANTRY_DATA_DIR: Type.String({ default: '.tenantry', description: 'Folder for everything that is kept' }),
    TENANTRY_SERVERS_DIR: Type.String({
      default: '.tenantry/servers',
      description: 'Fetched Redis and NATS; can be shared by several launchers',
    }),
    TENANTRY_PORT_OFFSET: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 50_000,
      description: 'Added to every port, so that a second launcher can run beside the first',
    }),
    PUBLIC_URL: Type.String({ default: '', description: 'Where clients reach the gateway; empty means its port here' }),
    TENANTRY_MASTER_KEY: SecretText({
      default: '',
      pattern: '^([0-9a-fA-F]{64}(,[0-9a-fA-F]{64})?)?$',
      description:
        '64 hexadecimal digits (32 bytes); empty means the file master.key of the data folder. While it is changed: the new one, a comma, the old one',
    }),
    TENANTRY_OPERATOR_PASSWORD: SecretText({
      default: '',
      description: 'Of the first operator; empty means the file operator-password of the data folder',
    }),
    DATABASE_URL: url('PostgreSQL', ['postgres', 'postgresql'], ', as a user who may create roles'),
    TENANT_DATABASES: SecretText({
      default: '',
      description:
        'Databases for tenants beside the main one: name=postgres://…, as a user who may create roles, or name=/database on the main server; with commas between',
    }),
    TENANT_PLACEMENTS: StoreConfiguration.TENANT_PLACEMENTS,
    REDIS_URL: url('Redis', ['redis', 'rediss']),
    NATS_URL: url('NATS', ['nats', 'tls']),
    CLICKHOUSE_URL: url('ClickHouse', ['http', 'https']),
    // Handed on to the services, and read by the commands that rotate keys.
    ...SecretsConfiguration,
  }),
  ({ TENANTRY_DATA_DIR: dataDir, TENANTRY_MASTER_KEY: masterKey }) => ({
    dataDir: toDataDir(dataDir),
    masterKey: masterKey === undefined ? readKeptMasterKey(toDataDir(dataDir)) : String(masterKey).toLowerCase(),
  }),
);

const toDataDir = (given: unknown): string => resolve(ROOT, typeof given === 'string' ? given : '.tenantry');

/** The key of an earlier start; before the first there is none, and nothing kept under it. */
function readKeptMasterKey(dataDir: string): string | undefined {
  const file = masterKeyFile(dataDir);
  return existsSync(file) ? keptMasterKey(file) : undefined;
}

export const masterKeyFile = (dataDir: string): string => join(dataDir, 'master.key');

function url(server: string, schemes: readonly string[], who = '') {
  return ServerUrl({
    default: '',
    pattern: `^((${schemes.join('|')})://.+)?$`,
    description: `${schemes.map((scheme) => `${scheme}://`).join(' or ')}… of a ${server} of yours${who}; empty means the embedded one`,
  });
}

/** What a variable says that is set but empty, as shells and compose files leave those that nobody filled in: nothing. */
export const withoutEmpty = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));

/**
 * Reads the settings and takes out of the environment, which children inherit, the variables that they refer to: whoever
 * needs such a secret is given it under its own name.
 */
export function takeSettings(environment: NodeJS.ProcessEnv): Settings {
  const settings = readSettings(environment);
  for (const name of launcherConfiguration.referredVariables(withoutEmpty(environment))) delete environment[name];
  return settings;
}

export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const given = launcherConfiguration.read(withoutEmpty(environment));
  const ports = portsWithOffset(given.TENANTRY_PORT_OFFSET);
  return {
    root: ROOT,
    dataDir: toDataDir(given.TENANTRY_DATA_DIR),
    serversDir: resolve(ROOT, given.TENANTRY_SERVERS_DIR),
    ports,
    publicUrl: given.PUBLIC_URL || `http://localhost:${ports.gateway}`,
    masterKey: given.TENANTRY_MASTER_KEY.toLowerCase() || undefined,
    operatorPassword: given.TENANTRY_OPERATOR_PASSWORD || undefined,
    external: {
      postgres: given.DATABASE_URL || undefined,
      redis: given.REDIS_URL || undefined,
      nats: given.NATS_URL || undefined,
      clickhouse: given.CLICKHOUSE_URL || undefined,
    },
    tenantDatabases: given.TENANT_DATABASES,
    tenantPlacements: given.TENANT_PLACEMENTS,
    secrets: secretsSettingsOf(given),
  };
}
