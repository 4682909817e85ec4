import { join } from 'node:path';

export type Config = { readonly host: string; readonly port: number; readonly snapshotPath: string | undefined };

export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const port = Number(environment['PORT'] ?? 9002);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT is "${environment['PORT']}", not a port.`);
  const dataDir = environment['TENANTRY_DATA_DIR'];
  const snapshotPath = dataDir ? join(dataDir, 'simulators', 'telegram.json') : undefined;
  return { host: environment['HOST'] ?? '127.0.0.1', port, snapshotPath };
}
