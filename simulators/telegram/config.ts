import { join } from 'node:path';
import { type Address, readAddress } from '../shared/environment.ts';
import type { TelegramSimulatorOptions } from './app.ts';

export function readConfig(environment: NodeJS.ProcessEnv): TelegramSimulatorOptions & Address {
  const dataDir = environment['TENANTRY_DATA_DIR'];
  return {
    ...readAddress(environment, 9002),
    ...(dataDir ? { snapshotPath: join(dataDir, 'simulators', 'telegram.json') } : {}),
  };
}
