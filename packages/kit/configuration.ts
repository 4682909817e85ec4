import { readFileSync } from 'node:fs';
import { OneOf } from '@tenantry/contract/schemas.ts';
import { type Static, type TObject, Type } from 'typebox';
import { Value } from 'typebox/value';
import { convertTexts } from './convert-texts.ts';
import { type SchemaError, toFieldErrors } from './http/field-errors.ts';

/**
 * What every process of the house reads from its environment. Layers: defaults < the JSON file that
 * TENANTRY_CONFIG_FILE names < environment variables.
 */
export const CommonConfiguration = {
  HOST: Type.String({ default: '127.0.0.1', description: 'Address to listen on' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, description: 'Port to listen on; 0 takes a free one' }),
  NATS_URL: Type.String({ minLength: 1, description: 'nats://host:port' }),
  HUB_URL: Type.String({ minLength: 1, description: 'Where instances register' }),
  PUBLIC_URL: Type.String({
    default: 'http://localhost:8000',
    description: 'Where clients and providers reach the gateway',
  }),
  TENANTRY_MASTER_KEY: Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: '64 hexadecimal digits; all other secrets come from it',
  }),
  TENANTRY_DATA_DIR: Type.String({ minLength: 1, description: 'Folder for snapshots and encrypted secrets' }),
  TENANTRY_NAMESPACE: Type.String({
    default: '',
    pattern: '^[a-z0-9]{0,32}$',
    description: 'Keeps two systems on the same stores apart',
  }),
  TENANTRY_ENVIRONMENT: OneOf(['development', 'production'], { default: 'production' }),
  LOG_LEVEL: OneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent'], { default: 'info' }),
};

/** What a service with databases reads besides. */
export const StoreConfiguration = {
  DATABASE_URL: Type.String({ minLength: 1, description: 'postgres://host:port/database, without credentials' }),
  REDIS_URL: Type.String({ minLength: 1, description: 'redis://host:port' }),
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
  CLICKHOUSE_URL: Type.String({ default: '', description: 'http://host:port; empty means analytics are unavailable' }),
};

export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** Reads and checks a configuration. Throws one ConfigurationError that lists every problem, never a value. */
export function readConfiguration<const Schema extends TObject>(
  schema: Schema,
  environment: NodeJS.ProcessEnv,
): Static<Schema> {
  const known = Object.keys(schema.properties);
  const layers = { ...readFile(environment.TENANTRY_CONFIG_FILE), ...environment };
  const given = Object.fromEntries(
    known.filter((name) => layers[name] !== undefined).map((name) => [name, layers[name]]),
  );
  const value = Value.Default(schema, convertTexts(schema, given));
  const faults = toFieldErrors(schema, Value.Errors(schema, value) as unknown as SchemaError[], '').map(
    ({ path, message }) => {
      const name = path.slice(1);
      const { description } = schema.properties[name] as { description?: string };
      return `  ${name} ${message}${description === undefined ? '' : ` (${description})`}`;
    },
  );
  if (faults.length > 0) {
    throw new ConfigurationError(`The configuration has ${faults.length} problem(s):\n${faults.join('\n')}`);
  }
  return value as Static<Schema>;
}

function readFile(path: string | undefined): Record<string, unknown> {
  if (path === undefined || path === '') return {};
  const text = readText(path);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // The parser's own message would quote the file, secrets and all.
  }
  throw new ConfigurationError('TENANTRY_CONFIG_FILE must hold one JSON object.');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(
      `TENANTRY_CONFIG_FILE cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
