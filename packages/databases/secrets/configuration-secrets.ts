import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveKeys } from '../credentials.ts';
import { openWithAny, resealText, sealText } from './sealed-text.ts';
import { hasCode, replaceFile } from './whole-file.ts';

/** What `secret:<name>` in a configuration refers to: secrets of the house, not of a tenant. */
export type ConfigurationSecretsPlace = { readonly dataDir: string; readonly masterKey: string };

const NAME = /^[a-z0-9][a-z0-9_-]{0,80}$/;

export const isConfigurationSecretName = (name: string): boolean => NAME.test(name);

/** Null when there is none. Synchronous: a configuration is read before anything else happens. */
export function readConfigurationSecret(place: ConfigurationSecretsPlace, name: string): string | null {
  const bytes = readIfThere(fileOf(place, name));
  return bytes === null ? null : openWithAny(keysOf(place), boundTo(name), bytes);
}

export const writeConfigurationSecret = (
  place: ConfigurationSecretsPlace,
  name: string,
  value: string,
): Promise<void> => replaceFile(fileOf(place, name), sealText(keysOf(place)[0], boundTo(name), value));

/** Seals what lies under the previous master key under the current one; answers how many were not. */
export async function resealConfigurationSecrets(place: ConfigurationSecretsPlace): Promise<number> {
  let count = 0;
  for (const name of namesIn(place)) {
    const bytes = readIfThere(fileOf(place, name));
    const anew = bytes === null ? null : resealText(keysOf(place), boundTo(name), bytes);
    if (anew === null) continue;
    await replaceFile(fileOf(place, name), anew);
    count += 1;
  }
  return count;
}

function namesIn({ dataDir }: ConfigurationSecretsPlace): readonly string[] {
  try {
    return readdirSync(folderIn(dataDir)).flatMap((file) => {
      const name = file.endsWith(SUFFIX) ? file.slice(0, -SUFFIX.length) : '';
      return NAME.test(name) ? [name] : [];
    });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

const SUFFIX = '.secret';

const folderIn = (dataDir: string): string => join(dataDir, 'secrets', 'configuration');

const keysOf = ({ masterKey }: ConfigurationSecretsPlace) => deriveKeys(masterKey, 'secrets:configuration');

const boundTo = (name: string): string => `configuration/${name}`;

function fileOf({ dataDir }: ConfigurationSecretsPlace, name: string): string {
  if (!NAME.test(name)) throw new RangeError('A secret has a name of lower-case letters, digits, - and _.');
  return join(folderIn(dataDir), `${name}${SUFFIX}`);
}

/** Only what is not there is missing: a file that cannot be read must not pass for a secret that was never set. */
function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
