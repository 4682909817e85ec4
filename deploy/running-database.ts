import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { choosePostgresHost } from './embedded/postgres-host.ts';
import { StartFailure } from './embedded/start-failure.ts';
import { keptMasterKey } from './launcher/kept-secret.ts';
import { readRememberedPorts } from './launcher/remembered-ports.ts';
import { masterKeyFile, type Settings } from './launcher/settings.ts';

/** Of a system that is running or was started once, for programs beside it. `adminUrl` names a superuser. */
export function findRunningDatabase(settings: Settings): { readonly adminUrl: string; readonly masterKey: string } {
  const { masterKey, dataDir } = settings;
  const keyFile = masterKeyFile(dataDir);
  if (masterKey === undefined && !existsSync(keyFile)) {
    throw new StartFailure(
      `There is no master key in ${keyFile}. Start once with npm start, or set TENANTRY_MASTER_KEY.`,
    );
  }
  return {
    adminUrl: settings.external.postgres ?? embeddedUrl(settings),
    masterKey: masterKey ?? keptMasterKey(keyFile),
  };
}

function embeddedUrl({ dataDir }: Settings): string {
  const port = readRememberedPorts(join(dataDir, 'ports.json')).get('postgresql');
  const passwordFile = `${choosePostgresHost({ dataDir: join(dataDir, 'postgresql') }).dataDir}.password`;
  if (port === undefined || !existsSync(passwordFile)) {
    throw new StartFailure(
      `There is no PostgreSQL of Tenantry in ${dataDir}. Start once with npm start, or set DATABASE_URL.`,
    );
  }
  return `postgres://postgres:${readFileSync(passwordFile, 'utf8').trim()}@127.0.0.1:${port}/tenantry`;
}
