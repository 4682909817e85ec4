import { openWithAny, sealText } from '@tenantry/databases/secrets/sealed-text.ts';
import { readIfThere, replaceFile } from '@tenantry/databases/secrets/whole-file.ts';
import type { KeptIdentity, KeptKey } from '@tenantry/mesh/identity/renewed-identity.ts';

/**
 * The last certificate of a service on this machine, and its key, sealed: who starts while every hub is away goes on with it
 * until it expires. Lost, damaged or sealed under another master key, there is none.
 */
export function keepIdentity(file: string, sealingKeys: readonly [Buffer, ...Buffer[]]): KeptIdentity {
  return {
    async read() {
      try {
        const bytes = await readIfThere(file);
        return bytes === null ? null : (JSON.parse(openWithAny(sealingKeys, PLACE, bytes)) as KeptKey);
      } catch {
        return null;
      }
    },
    async write(kept) {
      // A full disk must not end a renewal that has succeeded.
      await replaceFile(file, sealText(sealingKeys[0], PLACE, JSON.stringify(kept))).catch(() => undefined);
    },
  };
}

const PLACE = 'mesh-identity';
