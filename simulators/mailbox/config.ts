import { join } from 'node:path';

export type Config = {
  readonly host: string;
  readonly port: number;
  readonly smtpPort: number;
  readonly snapshotPath: string | undefined;
};

export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const dataDir = environment['TENANTRY_DATA_DIR'];
  return {
    host: environment['HOST'] ?? '127.0.0.1',
    port: readPort(environment, 'PORT', 9003),
    smtpPort: readPort(environment, 'SMTP_PORT', 9025),
    snapshotPath: dataDir ? join(dataDir, 'simulators', 'mailbox.json') : undefined,
  };
}

function readPort(environment: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const port = Number(environment[name] ?? fallback);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${name} is "${environment[name]}", not a port.`);
  return port;
}
