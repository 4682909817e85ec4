import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartFailure } from '../embedded/start-failure.ts';
import { type Ports, portsWithOffset } from './ports.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What a person can change about `npm start`, all of it by environment variables. */
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
};

export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  // Set but empty is what shells and compose files make of a variable that nobody filled in.
  const read = (name: string): string | undefined => environment[name] || undefined;
  const offset = Number(read('TENANTRY_PORT_OFFSET') ?? 0);
  if (!Number.isInteger(offset) || offset < 0 || offset > 50_000) {
    throw new StartFailure('TENANTRY_PORT_OFFSET must be a whole number from 0 to 50000.');
  }
  const masterKey = read('TENANTRY_MASTER_KEY');
  if (masterKey !== undefined && !/^[0-9a-f]{64}$/i.test(masterKey)) {
    throw new StartFailure('TENANTRY_MASTER_KEY must be 64 hexadecimal digits (32 bytes).');
  }
  const ports = portsWithOffset(offset);
  return {
    root: ROOT,
    dataDir: resolve(ROOT, read('TENANTRY_DATA_DIR') ?? '.tenantry'),
    serversDir: resolve(ROOT, read('TENANTRY_SERVERS_DIR') ?? join('.tenantry', 'servers')),
    ports,
    publicUrl: read('PUBLIC_URL') ?? `http://localhost:${ports.gateway}`,
    masterKey: masterKey?.toLowerCase(),
    operatorPassword: read('TENANTRY_OPERATOR_PASSWORD'),
    external: {
      postgres: readUrl(read, 'DATABASE_URL', ['postgres:', 'postgresql:']),
      redis: readUrl(read, 'REDIS_URL', ['redis:', 'rediss:']),
      nats: readUrl(read, 'NATS_URL', ['nats:', 'tls:']),
      clickhouse: readUrl(read, 'CLICKHOUSE_URL', ['http:', 'https:']),
    },
  };
}

function readUrl(read: (name: string) => string | undefined, name: string, protocols: string[]): string | undefined {
  const value = read(name);
  if (value === undefined) return undefined;
  if (protocols.includes(URL.parse(value)?.protocol ?? '')) return value;
  throw new StartFailure(
    `${name} must be a URL that begins with ${protocols.map((each) => `${each}//`).join(' or ')}.`,
  );
}
