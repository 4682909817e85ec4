import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import {
  isConfigurationSecretName,
  writeConfigurationSecret,
} from '@tenantry/databases/secrets/configuration-secrets.ts';
import { ConfigurationError } from '@tenantry/kit/configuration.ts';
import { StartFailure } from './embedded/start-failure.ts';
import { keptMasterKey } from './launcher/kept-secret.ts';
import { masterKeyFile, readSettings } from './launcher/settings.ts';

/**
 * `node boot.mjs deploy/keep-secret.ts <name> < file`: keeps what comes in, encrypted under the master key, for a
 * configuration to refer to as `secret:<name>`. From the input and not from an argument, which other users could see.
 */
async function keepSecret(name: string): Promise<string> {
  if (!isConfigurationSecretName(name)) {
    throw new StartFailure(
      'Usage: node boot.mjs deploy/keep-secret.ts <name of a-z, 0-9, - and _>, with the secret as input.',
    );
  }
  const { masterKey, dataDir } = readSettings(process.env);
  const keyFile = masterKeyFile(dataDir);
  if (masterKey === undefined && !existsSync(keyFile)) {
    throw new StartFailure(
      `There is no master key in ${keyFile}. Start once with npm start, or set TENANTRY_MASTER_KEY.`,
    );
  }
  const secret = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (secret === '') throw new StartFailure('The input is empty; nothing was kept.');
  await writeConfigurationSecret({ dataDir, masterKey: masterKey ?? keptMasterKey(keyFile) }, name, secret);
  return `Kept. Refer to it as secret:${name}.`;
}

try {
  console.log(await keepSecret(process.argv[2] ?? ''));
} catch (error) {
  if (!(error instanceof StartFailure || error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
