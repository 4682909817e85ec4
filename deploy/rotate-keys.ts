import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vaultSettingsOf } from '@tenantry/kit/configuration/secrets-engine.ts';
import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { choosePostgresHost } from './embedded/postgres-host.ts';
import { StartFailure } from './embedded/start-failure.ts';
import { keptMasterKey } from './launcher/kept-secret.ts';
import { readRememberedPorts } from './launcher/remembered-ports.ts';
import { masterKeyFile, readSettings, type Settings } from './launcher/settings.ts';
import { changeMasterKey, dropPreviousMasterKey } from './rotate-keys/master-key.ts';
import { KEY_COMMANDS, type KeyCommand, rotateKeys } from './rotate-keys/rotate-keys.ts';

/** `node boot.mjs deploy/rotate-keys.ts rotate | rewrap | retire | master`; only `master` while Tenantry is stopped. See deploy/README.md. */
async function run(command: string): Promise<void> {
  if (!isKeyCommand(command) && command !== 'master') {
    throw new StartFailure(`Usage: node boot.mjs deploy/rotate-keys.ts ${KEY_COMMANDS.join(' | ')} | master`);
  }
  const settings = readSettings(process.env);
  const { dataDir } = settings;
  const keyFile = masterKeyFile(dataDir);
  if (settings.masterKey === undefined && !existsSync(keyFile)) {
    throw new StartFailure(
      `There is no master key in ${keyFile}. Start once with npm start, or set TENANTRY_MASTER_KEY.`,
    );
  }
  const say = (line: string): void => console.log(line);
  const place = { dataDir, keyFile, say };
  if (command === 'master') {
    if (settings.masterKey !== undefined)
      throw new StartFailure(
        'TENANTRY_MASTER_KEY is yours to change: set it to the new key, a comma and the old one wherever it is set, start everything again, and rewrap.',
      );
    return changeMasterKey(place);
  }
  const masterKey = settings.masterKey ?? keptMasterKey(keyFile);
  await rotateKeys(command, {
    adminUrl: settings.external.postgres ?? embeddedUrl(settings),
    masterKey,
    dataDir,
    vault: vaultSettingsOf(settings.secrets),
    say,
  });
  if (command !== 'retire') return;
  await dropPreviousMasterKey({
    ...place,
    masterKey,
    isKept: settings.masterKey === undefined,
    now: Temporal.Now.instant(),
  });
}

const isKeyCommand = (command: string): command is KeyCommand => KEY_COMMANDS.some((known) => known === command);

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

try {
  await run(process.argv[2] ?? '');
} catch (error) {
  if (error instanceof StartFailure || error instanceof ConfigurationError) console.error(error.message);
  else if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')
    console.error('PostgreSQL does not answer. Rotate keys while Tenantry is running.');
  else throw error;
  process.exitCode = 1;
}
