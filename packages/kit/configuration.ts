import { readFileSync } from 'node:fs';
import { OneOf } from '@tenantry/contract/schemas.ts';
import { type Static, type TObject, Type } from 'typebox';
import { Value } from 'typebox/value';

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
  const value = Value.Convert(schema, Value.Default(schema, given));
  const problems = Value.Errors(schema, value).map((error) => {
    const missing =
      error.keyword === 'required' ? error.params.requiredProperties.join(', ') : error.instancePath.slice(1);
    const description = (schema.properties[missing] as { description?: string } | undefined)?.description;
    const what = error.keyword === 'required' ? 'is missing' : error.message;
    return `  ${missing} ${what}${description === undefined ? '' : ` (${description})`}`;
  });
  if (problems.length > 0) {
    throw new ConfigurationError(
      `The configuration has ${problems.length} problem(s):\n${[...new Set(problems)].join('\n')}`,
    );
  }
  return value as Static<Schema>;
}

function readFile(path: string | undefined): Record<string, unknown> {
  if (path === undefined || path === '') return {};
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new ConfigurationError(
      `TENANTRY_CONFIG_FILE cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  throw new ConfigurationError('TENANTRY_CONFIG_FILE must hold one JSON object.');
}
