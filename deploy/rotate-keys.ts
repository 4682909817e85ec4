import { existsSync } from 'node:fs';
import { vaultSettingsOf } from '@tenantry/kit/configuration/secrets-engine.ts';
import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { StartFailure } from './embedded/start-failure.ts';
import { masterKeyFile, readSettings } from './launcher/settings.ts';
import { tenantDatabaseUrls } from './launcher/stores.ts';
import { changeMasterKey, dropPreviousMasterKey } from './rotate-keys/master-key.ts';
import { KEY_COMMANDS, type KeyCommand, rotateKeys } from './rotate-keys/rotate-keys.ts';
import { findRunningDatabase } from './running-database.ts';

/** `node boot.mjs deploy/rotate-keys.ts rotate | rewrap | retire | master`; only `master` while Tenantry is stopped. See deploy/README.md. */
async function run(command: string): Promise<void> {
  if (!isKeyCommand(command) && command !== 'master') {
    throw new StartFailure(`Usage: node boot.mjs deploy/rotate-keys.ts ${KEY_COMMANDS.join(' | ')} | master`);
  }
  const settings = readSettings(process.env);
  const { dataDir } = settings;
  const say = (line: string): void => console.log(line);
  const place = { dataDir, keyFile: masterKeyFile(dataDir), say };
  if (command === 'master') {
    if (settings.masterKey !== undefined)
      throw new StartFailure(
        'TENANTRY_MASTER_KEY is yours to change: set it to the new key, a comma and the old one wherever it is set, start everything again, and rewrap.',
      );
    if (!existsSync(place.keyFile))
      throw new StartFailure(`There is no master key in ${place.keyFile}. Start once with npm start.`);
    return changeMasterKey(place);
  }
  const { adminUrl, masterKey } = findRunningDatabase(settings);
  await rotateKeys(command, {
    adminUrl,
    tenantDatabaseUrls: tenantDatabaseUrls(adminUrl, settings.tenantDatabases).map(({ url }) => url),
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

try {
  await run(process.argv[2] ?? '');
} catch (error) {
  if (error instanceof StartFailure || error instanceof ConfigurationError) console.error(error.message);
  else if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')
    console.error('PostgreSQL does not answer. Rotate keys while Tenantry is running.');
  else throw error;
  process.exitCode = 1;
}
