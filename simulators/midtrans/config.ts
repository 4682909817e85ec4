import { join } from 'node:path';
import { type Address, readAddress } from '../shared/environment.ts';
import type { SimulatorOptions } from './simulator.ts';

/** DATA_FILE names the file itself; TENANTRY_DATA_DIR a folder for everything the system keeps. */
export function readConfig(environment: NodeJS.ProcessEnv): SimulatorOptions & Address {
  const folder = environment['TENANTRY_DATA_DIR'];
  return {
    ...readAddress(environment, 9001),
    dataFile: environment['DATA_FILE'] || (folder ? join(folder, 'midtrans-simulator.json') : undefined),
    webhookTimeoutMs: readTimeoutMs(environment['WEBHOOK_TIMEOUT_MS']),
  };
}

function readTimeoutMs(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const timeoutMs = Number(text);
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 0)
    throw new Error(`WEBHOOK_TIMEOUT_MS must be a whole number, not "${text}".`);
  return timeoutMs;
}
