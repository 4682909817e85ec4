import { join } from 'node:path';
import { type Address, readAddress, readPort } from '../shared/environment.ts';
import type { MailboxOptions } from './app.ts';

export function readConfig(environment: NodeJS.ProcessEnv): MailboxOptions & Address & { readonly smtpPort: number } {
  const dataDir = environment['TENANTRY_DATA_DIR'];
  return {
    ...readAddress(environment, 9003),
    smtpPort: readPort(environment, 'SMTP_PORT', 9025),
    ...(dataDir ? { snapshotPath: join(dataDir, 'simulators', 'mailbox.json') } : {}),
  };
}
