import { join } from 'node:path';
import { createEncryptedFileSecrets } from './encrypted-file.ts';
import { type Keyring, keyringFolder, openKeyring, type RotatableKeyring } from './keyring.ts';
import type { SecretsEngine } from './secrets-engine.ts';
import { openVaultClient, type VaultClientOptions } from './vault/client.ts';
import { createKvSecrets } from './vault/kv-secrets.ts';
import type { VaultSettings } from './vault/settings.ts';
import { createTransitKeyring } from './vault/transit-keyring.ts';

/** Secrets and the keyring of one service, whichever engine keeps them. */
export type Secrets = {
  readonly engine: SecretsEngine;
  readonly keyring: Keyring;
  /** A sign of life. */
  readonly check: () => Promise<unknown>;
  readonly close: () => void;
};

export type SecretsOptions = {
  readonly service: string;
  readonly masterKey: string;
  readonly dataDir: string;
  /** Null for encrypted files. */
  readonly vault: VaultSettings | null;
} & Omit<VaultClientOptions, 'settings'>;

export function openSecrets({ service, masterKey, dataDir, vault, ...observers }: SecretsOptions): Secrets {
  if (vault === null) {
    const keyring = openKeyring({ folder: keyringFolder(dataDir), masterKey });
    const engine = createEncryptedFileSecrets({ folder: join(dataDir, 'secrets'), masterKey, service, keyring });
    return { engine, keyring, check: () => keyring.generations(), close: () => undefined };
  }
  const client = openVaultClient({ settings: vault, ...observers });
  return {
    engine: createKvSecrets({ client, mount: vault.kvMount, service }),
    keyring: createTransitKeyring({ client, mount: vault.transitMount }),
    check: client.check,
    close: client.close,
  };
}

/** The keyring alone, for whoever rotates; `close` when it has ended. */
export function openRotation(
  options: Pick<SecretsOptions, 'masterKey' | 'dataDir' | 'vault'> & { readonly now?: () => Temporal.Instant },
): { readonly keyring: RotatableKeyring; readonly close: () => void } {
  const { vault, dataDir, masterKey, now } = options;
  if (vault === null) {
    const keyring = openKeyring({ folder: keyringFolder(dataDir), masterKey, ...(now === undefined ? {} : { now }) });
    return { keyring, close: () => undefined };
  }
  const client = openVaultClient({ settings: vault, onError: () => undefined });
  return { keyring: createTransitKeyring({ client, mount: vault.transitMount }), close: client.close };
}
