import { OneOf } from '@tenantry/contract/schemas.ts';
import { MASTER_KEY } from '@tenantry/databases/credentials.ts';
import { type Static, type TObject, Type } from 'typebox';
import { ConfigurationError } from './configuration/configuration-error.ts';
import { type Examined, examineConfiguration } from './configuration/examine.ts';
import { renderConfiguration } from './configuration/print.ts';
import type { ProgramName } from './configuration/programs.ts';
import { SecretText, ServerUrl } from './configuration/secrecy.ts';
import { SecretsConfiguration } from './configuration/secrets-engine.ts';
import { listSettings, type Setting } from './configuration/settings.ts';
import { TracingSettings } from './tracing/settings.ts';

/** What every process of the house reads. */
export const CommonConfiguration = {
  HOST: Type.String({ default: '127.0.0.1', description: 'Address to listen on' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, description: 'Port to listen on; 0 takes a free one' }),
  NATS_URL: ServerUrl({ minLength: 1, description: 'nats://host:port' }),
  HUB_URL: Type.String({
    minLength: 1,
    description: 'Where instances register; several hubs with commas between. https where one is on another machine',
  }),
  HUB_ROOT_FINGERPRINT: Type.String({
    default: '',
    pattern: '^(([0-9A-Fa-f]{2}:?){32}(,([0-9A-Fa-f]{2}:?){32})*)?$',
    description:
      'SHA-256 fingerprints of the roots that a hub by https must show, with commas between: those that vouch now and next',
  }),
  PUBLIC_URL: Type.String({
    default: 'http://localhost:8000',
    description: 'Where clients and providers reach the gateway',
  }),
  TENANTRY_MASTER_KEY: SecretText({
    pattern: MASTER_KEY,
    description:
      '64 hexadecimal digits; all other secrets come from it. While it is changed: the new one, a comma, the old one',
  }),
  TENANTRY_DATA_DIR: Type.String({ minLength: 1, description: 'Folder for snapshots and encrypted secrets' }),
  TENANTRY_NAMESPACE: Type.String({
    default: '',
    pattern: '^[a-z0-9]{0,32}$',
    description: 'Keeps two systems on the same stores apart',
  }),
  MESH_TLS: OneOf(['required', 'off'], {
    default: 'required',
    description: 'Whether calls to other processes of the house are made with mutual TLS alone',
  }),
  MESH_PORT: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 65_535,
    description: 'Port for the other processes of the house, with mutual TLS; 0 takes a free one',
  }),
  TENANTRY_ENVIRONMENT: OneOf(['development', 'production'], {
    default: 'production',
    description: 'In development a tenant without a payment provider is given one of the simulator',
  }),
  LOG_LEVEL: OneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    default: 'info',
    description: 'The least that is logged',
  }),
  ...TracingSettings,
};

/** What a service with databases reads besides. */
export const StoreConfiguration = {
  DATABASE_URL: ServerUrl({ minLength: 1, description: 'postgres://host:port/database, without credentials' }),
  TENANT_DATABASES: Type.String({
    default: '',
    pattern: '^([a-z][a-z0-9-]{0,30}=postgres(ql)?://[^@,]+(,[a-z][a-z0-9-]{0,30}=postgres(ql)?://[^@,]+)*)?$',
    description:
      'Databases beside the main one: name=postgres://host:port/database, with commas between, without credentials',
  }),
  TENANT_PLACEMENTS: Type.String({
    default: '',
    description:
      'Who lives in which of them: ten_…=name for a tenant, since:<instant>=name for all that are created from then on; everybody else in the main one',
  }),
  REDIS_URL: ServerUrl({ minLength: 1, description: 'redis://host:port' }),
  SERVES_TENANTS: Type.String({
    default: '',
    pattern: '^(ten_[0-9a-z]{26}(,ten_[0-9a-z]{26})*)?$',
    description: 'Tenants that this instance serves, with commas between; empty means all',
  }),
  INSTANCE_WEIGHT: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 100,
    description: 'Share of the calls relative to other instances of the same service',
  }),
  CLICKHOUSE_URL: ServerUrl({ default: '', description: 'http://host:port; empty means analytics are unavailable' }),
  ...SecretsConfiguration,
};

export { ConfigurationError } from './configuration/configuration-error.ts';

export type ConfigurationDefinition<Value> = {
  readonly program: ProgramName;
  readonly settings: readonly Setting[];
  /** Throws one ConfigurationError that lists every problem, never a value. */
  readonly read: (environment: NodeJS.ProcessEnv) => Value;
  /** For people: every setting, its value unless it is secret, and where it comes from. Throws as `read` does. */
  readonly print: (environment: NodeJS.ProcessEnv) => string;
  /** The other variables whose values it took by reference: whoever starts children may want to keep those to itself. */
  readonly referredVariables: (environment: NodeJS.ProcessEnv) => readonly string[];
};

/**
 * Describes what one program reads, in layers: defaults < the JSON file that TENANTRY_CONFIG_FILE names, its common part <
 * its section for this program < environment variables. A secret may be given as a reference; `vault` is for a program that
 * knows other places of the master key and of the data folder than their variables.
 */
export function defineConfiguration<const Schema extends TObject>(
  program: ProgramName,
  schema: Schema,
  vault: Examined['vault'] = (given) => ({ dataDir: given.TENANTRY_DATA_DIR, masterKey: given.TENANTRY_MASTER_KEY }),
): ConfigurationDefinition<Static<Schema>> {
  const examined = {
    program,
    schema,
    vault,
    shared: [...Object.keys(CommonConfiguration), ...Object.keys(StoreConfiguration)],
  };
  const examine = (environment: NodeJS.ProcessEnv) => {
    const examination = examineConfiguration(examined, environment);
    const { faults } = examination;
    if (faults.length > 0) {
      throw new ConfigurationError(
        `The configuration has ${faults.length} problem(s):\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
      );
    }
    return examination;
  };
  return {
    program,
    settings: listSettings(schema),
    read: (environment) => examine(environment).value as Static<Schema>,
    print: (environment) => renderConfiguration(examined, examine(environment)),
    referredVariables: (environment) =>
      [...examine(environment).sources.values()]
        .filter((source) => source.startsWith('reference env:'))
        .map((source) => source.slice('reference env:'.length)),
  };
}
