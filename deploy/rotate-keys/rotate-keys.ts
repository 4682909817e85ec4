import { join } from 'node:path';
import type { RotatableKeyring } from '@tenantry/databases/secrets/keyring.ts';
import { openRotation } from '@tenantry/databases/secrets/open-secrets.ts';
import { rewrapTenantKeys } from '@tenantry/databases/secrets/rewrap-files.ts';
import { rewrapDataKeys, servicesWithDataKeys } from '@tenantry/databases/secrets/rewrap-rows.ts';
import type { VaultSettings } from '@tenantry/databases/secrets/vault/settings.ts';
import pg from 'pg';
import { resealFiles } from './master-key.ts';

export const KEY_COMMANDS = ['rotate', 'rewrap', 'retire'] as const;
export type KeyCommand = (typeof KEY_COMMANDS)[number];

/**
 * How long a generation stays after its successor began. A service wraps a new key with the newest generation that it
 * sees and saves it within seconds; what is older than this was saved before the last walk, and the walk has found it.
 */
const RETIRE_AFTER = Temporal.Duration.from({ hours: 1 });

// Any number will do as long as nothing else on this server uses it.
const LOCK = 7_426_002;

/**
 * `rotate` begins a generation and wraps every key with it; `rewrap` does the second alone, to finish what was cut off;
 * `retire` does that and then destroys the generations that nothing needs. Services keep running and need no word of it.
 * A crash between any two steps leaves every key wrapped with a generation that is there.
 */
export async function rotateKeys(
  command: KeyCommand,
  options: {
    /** As a superuser: it walks over all tenants. */
    readonly adminUrl: string;
    /** Of the databases beside the main one where tenants live, likewise. */
    readonly tenantDatabaseUrls?: readonly string[];
    readonly masterKey: string;
    readonly dataDir: string;
    /** Left out, or null, where the keyring is in the data folder. */
    readonly vault?: VaultSettings | null;
    readonly now?: () => Temporal.Instant;
    readonly say: (line: string) => void;
  },
): Promise<void> {
  const { adminUrl, masterKey, dataDir, now = () => Temporal.Now.instant(), say } = options;
  const { keyring, close } = openRotation({ masterKey, dataDir, vault: options.vault ?? null, now });
  const clients = [adminUrl, ...(options.tenantDatabaseUrls ?? [])].map(createClient);
  const [main] = clients;
  try {
    await Promise.all(clients.map((client) => client.connect()));
    // One at a time: one that was held up must not write its older wrapping over a newer one. Ends with the session.
    await main?.query('select pg_advisory_lock($1)', [LOCK]);
    // Before anything is begun: it refuses whoever would not see every tenant.
    const walks = await Promise.all(
      clients.map(async (client) => ({ client, services: await servicesWithDataKeys(client) })),
    );
    await resealFiles({ dataDir, masterKey, isAlone: false, say });
    if (command === 'rotate') say(`Began generation ${await keyring.beginGeneration()}.`);
    const folder = join(dataDir, 'secrets');
    // In a Vault secrets have no keys of ours.
    if (options.vault == null)
      say(`Wrapped the keys of ${await rewrapTenantKeys({ folder, keyring })} folders of secrets anew.`);
    for (const { client, services } of walks)
      for (const service of services)
        say(`Wrapped ${await rewrapDataKeys(client, service, keyring)} data keys of ${service} anew.`);
    if (command === 'retire') await retireOld(keyring, now(), say);
    say(`There are generations ${(await keyring.generations()).map(({ number }) => number).join(', ')}.`);
  } finally {
    close();
    await Promise.all(clients.map((client) => client.end()));
  }
}

function createClient(connectionString: string): pg.Client {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  // Whoever waits for an answer is told by a rejection; without a listener pg would end the process as well.
  client.on('error', () => undefined);
  return client;
}

async function retireOld(keyring: RotatableKeyring, now: Temporal.Instant, say: (line: string) => void): Promise<void> {
  const generations = await keyring.generations();
  for (const [index, { number }] of generations.entries()) {
    const successor = generations[index + 1];
    if (successor === undefined) return;
    const retiresAt = successor.begunAt.add(RETIRE_AFTER);
    if (Temporal.Instant.compare(now, retiresAt) < 0) {
      say(`Generation ${number} stays until ${retiresAt.toString({ smallestUnit: 'second' })}. Retire again then.`);
      return;
    }
    await keyring.retire(number);
    say(`Retired generation ${number}.`);
  }
}
