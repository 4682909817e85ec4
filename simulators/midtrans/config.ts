import { join } from 'node:path';
import type { SimulatorOptions } from './simulator.ts';

export type MidtransSimulatorConfig = SimulatorOptions & { readonly host: string; readonly port: number };

function readInteger(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined || text === '' ? fallback : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name} must be a whole number, not "${text}".`);
  return value;
}

/** DATA_FILE names the file itself; TENANTRY_DATA_DIR a folder for everything the system keeps. */
export function readConfig(environment: NodeJS.ProcessEnv): MidtransSimulatorConfig {
  const folder = environment['TENANTRY_DATA_DIR'];
  return {
    host: environment['HOST'] || '127.0.0.1',
    port: readInteger('PORT', environment['PORT'], 9001),
    dataFile: environment['DATA_FILE'] || (folder ? join(folder, 'midtrans-simulator.json') : undefined),
    webhookTimeoutMs: readInteger('WEBHOOK_TIMEOUT_MS', environment['WEBHOOK_TIMEOUT_MS'], 15_000),
  };
}
