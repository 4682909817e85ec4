import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { StartFailure } from './embedded/start-failure.ts';
import { readSettings } from './launcher/settings.ts';
import { KEY_COMMANDS, type KeyCommand, rotateKeys } from './rotate-keys/rotate-keys.ts';
import { findRunningDatabase } from './running-database.ts';

/** `node boot.mjs deploy/rotate-keys.ts rotate | rewrap | retire`, while Tenantry is running. See deploy/README.md. */
async function run(command: string): Promise<void> {
  if (!isKeyCommand(command)) {
    throw new StartFailure(`Usage: node boot.mjs deploy/rotate-keys.ts ${KEY_COMMANDS.join(' | ')}`);
  }
  const settings = readSettings(process.env);
  const { adminUrl, masterKey } = findRunningDatabase(settings);
  await rotateKeys(command, {
    adminUrl,
    masterKey,
    dataDir: settings.dataDir,
    say: (line) => console.log(line),
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
