import type { TenantId } from '@tenantry/kernel/id.ts';
import { conflict } from '@tenantry/kernel/problems.ts';
import { checkSecretPlace, type SecretsEngine } from '../secrets-engine.ts';
import type { VaultClient } from './client.ts';
import { createLastKnown } from './last-known.ts';
import { VaultRefusal } from './refusal.ts';
import { member } from './tokens.ts';

/** How old a secret may be that another process has changed meanwhile. */
const FRESH_MS = 5_000;
/** And one that cannot be asked for, as Vault is away. */
export const VAULT_STALE_MS = 15 * 60_000;
const MAX_KEPT = 1_000;
const MAX_RACES = 12;

/**
 * Secrets in Vault's KV engine, version 2, at `<mount>/<tenant>/<service>/<name>`. Each is written over the version that was
 * seen: an attempt that was given up for lost and arrives late is refused instead of undoing what was written after it.
 */
export function createKvSecrets(options: {
  readonly client: VaultClient;
  readonly mount: string;
  readonly service: string;
  readonly nowMs?: () => number;
}): SecretsEngine {
  const { client, mount, service } = options;
  const known = createLastKnown<string>({
    freshMs: FRESH_MS,
    staleMs: VAULT_STALE_MS,
    maxEntries: MAX_KEPT,
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  });
  const placeOf = (tenantId: TenantId, name: string): string => {
    checkSecretPlace(tenantId, name);
    return `${tenantId}/${service}/${name}`;
  };

  const look = async (place: string): Promise<{ readonly value: string | null; readonly version: number }> => {
    const path = `${mount}/data/${place}`;
    const { status, body } = await client.ask('read a secret', { method: 'GET', path, isIdempotent: true });
    const data = member(body, 'data');
    const version = member(member(data, 'metadata'), 'version');
    if (status === 404) return { value: null, version: typeof version === 'number' ? version : 0 };
    const value = member(member(data, 'data'), 'value');
    if (typeof value !== 'string' || typeof version !== 'number')
      throw new Error(`What Vault keeps at ${place} is not a secret of ours.`);
    return { value, version };
  };

  const put = async (place: string, value: string, version: number): Promise<boolean> => {
    const path = `${mount}/data/${place}`;
    const body = { options: { cas: version }, data: { value } };
    try {
      // Repeated with the same version it can take effect once only.
      await client.ask('write a secret', { method: 'POST', path, body, isIdempotent: true });
      return true;
    } catch (error) {
      if (isLostRace(error)) return false;
      throw error;
    }
  };

  return {
    read: (tenantId, name) => {
      const place = placeOf(tenantId, name);
      return known.get(place, async () => (await look(place)).value);
    },
    async write(tenantId, name, value) {
      const place = placeOf(tenantId, name);
      try {
        for (let race = 0; race < MAX_RACES; race++) {
          const { version } = await look(place);
          if (await put(place, value, version)) return;
          // Refused, perhaps by an attempt of our own that had arrived after all.
          if ((await look(place)).value === value) return;
        }
      } finally {
        known.forget(place);
      }
      throw conflict('This secret is being changed by others all the time. Nothing was changed; try again.');
    },
    async remove(tenantId, name) {
      const place = placeOf(tenantId, name);
      try {
        const path = `${mount}/metadata/${place}`;
        await client.ask('remove a secret', { method: 'DELETE', path, isIdempotent: true });
      } finally {
        known.forget(place);
      }
    },
  };
}

const isLostRace = (error: unknown): boolean =>
  error instanceof VaultRefusal && error.status === 400 && error.reasons.some((reason) => /check-and-set/.test(reason));
