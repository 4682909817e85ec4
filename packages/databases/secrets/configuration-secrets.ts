import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveKey } from '../credentials.ts';
import { openSealedText, sealText } from './sealed-text.ts';
import { replaceFile } from './whole-file.ts';

/** What `secret:<name>` in a configuration refers to: secrets of the house, not of a tenant. */
export type ConfigurationSecretsPlace = { readonly dataDir: string; readonly masterKey: string };

const NAME = /^[a-z0-9][a-z0-9_-]{0,80}$/;

export const isConfigurationSecretName = (name: string): boolean => NAME.test(name);

/** Null when there is none. Synchronous: a configuration is read before anything else happens. */
export function readConfigurationSecret(place: ConfigurationSecretsPlace, name: string): string | null {
  const bytes = readIfThere(fileOf(place, name));
  return bytes === null ? null : openSealedText(keyOf(place), boundTo(name), bytes);
}

export const writeConfigurationSecret = (
  place: ConfigurationSecretsPlace,
  name: string,
  value: string,
): Promise<void> => replaceFile(fileOf(place, name), sealText(keyOf(place), boundTo(name), value));

const keyOf = ({ masterKey }: ConfigurationSecretsPlace): Buffer => deriveKey(masterKey, 'secrets:configuration');

const boundTo = (name: string): string => `configuration/${name}`;

function fileOf({ dataDir }: ConfigurationSecretsPlace, name: string): string {
  if (!NAME.test(name)) throw new RangeError('A secret has a name of lower-case letters, digits, - and _.');
  return join(dataDir, 'secrets', 'configuration', `${name}.secret`);
}

/** Only what is not there is missing: a file that cannot be read must not pass for a secret that was never set. */
function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
