import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, defineConfiguration } from '../configuration.ts';
import { SecretsConfiguration, secretsSettingsOf, vaultSettingsOf } from './secrets-engine.ts';

const configuration = defineConfiguration('billing', Type.Object(SecretsConfiguration));
const byRole = {
  SECRETS_ENGINE: 'vault',
  VAULT_ADDR: 'https://vault:8200',
  VAULT_ROLE_ID: 'billing',
  VAULT_SECRET_ID: 'CANARY',
};

describe('Where secrets are kept', () => {
  it('is in encrypted files unless told', () => {
    expect(vaultSettingsOf(configuration.read({}))).toBeNull();
    expect(vaultSettingsOf(configuration.read({ VAULT_ADDR: 'https://vault:8200' }))).toBeNull();
  });

  it('is a Vault, by role or by a file with a token', () => {
    const settings = configuration.read(byRole);
    expect(vaultSettingsOf(secretsSettingsOf(settings))).toEqual({
      address: 'https://vault:8200',
      namespace: '',
      caFile: '',
      kvMount: 'tenantry-kv',
      transitMount: 'tenantry-transit',
      auth: { kind: 'approle', mount: 'approle', roleId: 'billing', secretId: 'CANARY' },
    });
    expect(vaultSettingsOf(configuration.read({ ...byRole, VAULT_TOKEN_FILE: '/run/token' }))?.auth).toEqual({
      kind: 'token-file',
      file: '/run/token',
    });
  });

  it.each([
    ['no address', { VAULT_ADDR: '' }, 'VAULT_ADDR'],
    ['a token in the clear', { VAULT_ADDR: 'http://vault:8200' }, 'https'],
    ['nobody to sign in as', { VAULT_SECRET_ID: '' }, 'VAULT_TOKEN_FILE'],
    ['a mount that leads elsewhere', { VAULT_KV_MOUNT: 'a/../sys' }, 'mount'],
  ])('is refused with %s', (_, change, says) => {
    const read = () => vaultSettingsOf(configuration.read({ ...byRole, ...change }));
    expect(read).toThrow(ConfigurationError);
    expect(read).toThrow(says);
    expect(read).not.toThrow('CANARY');
  });

  it('is printed without what proves who we are', () => {
    const printed = configuration.print({ ...byRole, VAULT_ADDR: 'https://me:CANARY@vault:8200' });
    expect(printed).toContain('***@vault:8200');
    expect(printed).not.toContain('CANARY');
  });
});
