import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isMasterKeyChanging } from '@tenantry/databases/credentials.ts';
import { resealConfigurationSecrets } from '@tenantry/databases/secrets/configuration-secrets.ts';
import { keyringFolder, resealKeyring } from '@tenantry/databases/secrets/keyring.ts';
import { resealOlderFiles } from '@tenantry/databases/secrets/rewrap-files.ts';
import { StartFailure } from '../embedded/start-failure.ts';
import { lockFolder } from '../launcher/folder-lock.ts';
import { keptMasterKey, replaceKeptSecret } from '../launcher/kept-secret.ts';

type Place = { readonly dataDir: string; readonly keyFile: string; readonly say: (line: string) => void };

/** Answers to an Idempotency-Key are kept for a day, under fingerprints made with the master key of their time. */
const PREVIOUS_COUNTS_FOR = Temporal.Duration.from({ hours: 25 });

/**
 * Gives the house another master key, while nothing of it runs. First the file names both, the new one and the one before
 * it, in one step; then what is sealed under the one before is sealed anew. Whatever dies in between, each thing opens with
 * one of the two, and the next run goes on. The one before counts until `dropPreviousMasterKey`.
 */
export async function changeMasterKey({ dataDir, keyFile, say }: Place): Promise<void> {
  const lock = lockFolder(dataDir);
  try {
    const before = keptMasterKey(keyFile);
    if (isMasterKeyChanging(before)) say('A change of the master key is under way; going on with it.');
    else {
      replaceKeptSecret(keyFile, `${randomBytes(32).toString('hex')},${before}`);
      say('There is a new master key; the one before it counts too.');
    }
    await resealFiles({ dataDir, masterKey: keptMasterKey(keyFile), say, isAlone: true });
    say('Start Tenantry now. A day later, while it is running, retire the key before it.');
  } finally {
    lock.release();
  }
}

/**
 * Seals what is sealed under the previous master key under the current one.
 * @param options.isAlone while no service runs: only then is it safe to touch what services write
 */
export async function resealFiles(options: {
  readonly dataDir: string;
  readonly masterKey: string;
  readonly isAlone: boolean;
  readonly say: (line: string) => void;
}): Promise<void> {
  const { dataDir, masterKey, isAlone, say } = options;
  if (!isMasterKeyChanging(masterKey)) return;
  say(`Sealed ${await resealKeyring(keyringFolder(dataDir), masterKey)} generations of the keyring anew.`);
  say(`Sealed ${await resealConfigurationSecrets({ dataDir, masterKey })} secrets of the configuration anew.`);
  const older = await resealOlderFiles({ folder: join(dataDir, 'secrets'), masterKey, isDryRun: !isAlone });
  if (isAlone && older > 0) say(`Sealed ${older} secrets from before there were tenants' keys anew.`);
}

/** Takes the previous master key away when a day has passed and nothing on the disk needs it; says so when it cannot yet. */
export async function dropPreviousMasterKey(
  options: Place & { readonly masterKey: string; readonly isKept: boolean; readonly now: Temporal.Instant },
): Promise<void> {
  const { dataDir, keyFile, masterKey, isKept, now, say } = options;
  if (!isMasterKeyChanging(masterKey)) return;
  const older = await resealOlderFiles({ folder: join(dataDir, 'secrets'), masterKey, isDryRun: true });
  if (older > 0)
    throw new StartFailure(
      `${older} secrets are sealed under the previous master key. Stop Tenantry, run "master" again, start it, then retire.`,
    );
  if (!isKept) {
    say('A day after TENANTRY_MASTER_KEY was changed, leave the previous key out of it and start everything again.');
    return;
  }
  const changedAt = Temporal.Instant.fromEpochMilliseconds(Math.ceil(statSync(keyFile).mtimeMs));
  const dropsAt = changedAt.add(PREVIOUS_COUNTS_FOR);
  if (Temporal.Instant.compare(now, dropsAt) < 0) {
    say(`The previous master key counts until ${dropsAt.toString({ smallestUnit: 'second' })}. Retire again then.`);
    return;
  }
  replaceKeptSecret(keyFile, masterKey.slice(0, masterKey.indexOf(',')));
  say('Retired the previous master key. What runs forgets it when it is started again.');
}
