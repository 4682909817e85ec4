import { OneOf } from '@tenantry/contract/schemas.ts';
import { type VaultAuth, type VaultSettings, vaultFault } from '@tenantry/databases/secrets/vault/settings.ts';
import { Type } from 'typebox';
import { ConfigurationError } from './configuration-error.ts';
import { SecretText, ServerUrl } from './secrecy.ts';

const ofVault = (description: string, byDefault = '') => Type.String({ default: byDefault, description });

/** Where the secrets of tenants and the keyring are kept. Names that Vault's own programs know mean the same here. */
export const SecretsConfiguration = {
  SECRETS_ENGINE: OneOf(['file', 'vault'], {
    default: 'file',
    description: 'Where secrets of tenants and the keyring are kept: encrypted files in the data folder, or a Vault',
  }),
  VAULT_ADDR: ServerUrl({ default: '', description: 'https://host:port of a HashiCorp Vault or an OpenBao' }),
  VAULT_NAMESPACE: ofVault('Namespace of Vault; empty means its root'),
  VAULT_CACERT: ofVault("PEM file with the authorities of Vault's certificate; empty means those of the system"),
  VAULT_KV_MOUNT: ofVault('Where a KV engine, version 2, of this system alone is mounted', 'tenantry-kv'),
  VAULT_TRANSIT_MOUNT: ofVault('Where a transit engine of this system alone is mounted', 'tenantry-transit'),
  VAULT_TOKEN_FILE: ofVault('File in which somebody keeps a good token for Vault; empty means to sign in by AppRole'),
  VAULT_APPROLE_MOUNT: ofVault('Where AppRole is mounted below auth/', 'approle'),
  VAULT_ROLE_ID: ofVault('Role to sign in to Vault with'),
  VAULT_SECRET_ID: SecretText({ default: '', description: 'What proves the role' }),
};

export type SecretsSettings = {
  readonly SECRETS_ENGINE: 'file' | 'vault';
} & Readonly<Record<Exclude<keyof typeof SecretsConfiguration, 'SECRETS_ENGINE'>, string>>;

/** Of a configuration that has more than these. */
export const secretsSettingsOf = (given: SecretsSettings): SecretsSettings => ({
  SECRETS_ENGINE: given.SECRETS_ENGINE,
  VAULT_ADDR: given.VAULT_ADDR,
  VAULT_NAMESPACE: given.VAULT_NAMESPACE,
  VAULT_CACERT: given.VAULT_CACERT,
  VAULT_KV_MOUNT: given.VAULT_KV_MOUNT,
  VAULT_TRANSIT_MOUNT: given.VAULT_TRANSIT_MOUNT,
  VAULT_TOKEN_FILE: given.VAULT_TOKEN_FILE,
  VAULT_APPROLE_MOUNT: given.VAULT_APPROLE_MOUNT,
  VAULT_ROLE_ID: given.VAULT_ROLE_ID,
  VAULT_SECRET_ID: given.VAULT_SECRET_ID,
});

/** Null for encrypted files. Throws a ConfigurationError for settings that contradict each other. */
export function vaultSettingsOf(given: Partial<SecretsSettings>): VaultSettings | null {
  if (given.SECRETS_ENGINE !== 'vault') return null;
  const settings: VaultSettings = {
    address: given.VAULT_ADDR ?? '',
    namespace: given.VAULT_NAMESPACE ?? '',
    caFile: given.VAULT_CACERT ?? '',
    kvMount: given.VAULT_KV_MOUNT ?? '',
    transitMount: given.VAULT_TRANSIT_MOUNT ?? '',
    auth: authOf(given),
  };
  const fault = vaultFault(settings);
  if (fault !== null) throw new ConfigurationError(`SECRETS_ENGINE is vault, but: ${fault}`);
  return settings;
}

function authOf(given: Partial<SecretsSettings>): VaultAuth {
  const { VAULT_TOKEN_FILE: file = '', VAULT_ROLE_ID: roleId = '', VAULT_SECRET_ID: secretId = '' } = given;
  if (file !== '') return { kind: 'token-file', file };
  if (roleId !== '' && secretId !== '')
    return { kind: 'approle', mount: given.VAULT_APPROLE_MOUNT ?? '', roleId, secretId };
  throw new ConfigurationError(
    'SECRETS_ENGINE is vault, but who we are to it is not said: set VAULT_TOKEN_FILE, or VAULT_ROLE_ID and VAULT_SECRET_ID.',
  );
}
