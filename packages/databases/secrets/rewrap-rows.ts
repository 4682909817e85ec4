import { idFromUuid } from '@tenantry/kernel/id.ts';
import pg, { type ClientBase } from 'pg';
import { dataKeyPlace } from './data-keys.ts';
import type { Keyring } from './keyring.ts';

const PAGE = 500;

/**
 * Wraps the data key of every tenant in one service's schema with the newest generation; answers how many were not. Persons'
 * keys are wrapped with their tenant's and stay as they are. A key erased in the meantime stays erased.
 * @param client on which `servicesWithDataKeys` has named this service
 */
export async function rewrapDataKeys(
  client: ClientBase,
  service: string,
  keyring: Pick<Keyring, 'rewrap'>,
): Promise<number> {
  const table = tableOf(service);
  let count = 0;
  let after = '00000000-0000-0000-0000-000000000000';
  while (true) {
    const { rows } = await client.query<{ tenant_id: string; wrapped: Buffer }>(
      `select tenant_id, wrapped from ${table}
       where owner_id = tenant_id and wrapped is not null and tenant_id > $1 order by tenant_id limit ${PAGE}`,
      [after],
    );
    for (const { tenant_id: tenantUuid, wrapped } of rows) {
      const anew = await keyring.rewrap(dataKeyPlace(service, idFromUuid('ten', tenantUuid)), wrapped);
      if (anew === null) continue;
      await client.query(
        `update ${table} set wrapped = $1 where tenant_id = $2 and owner_id = tenant_id and wrapped = $3`,
        [anew, tenantUuid, wrapped],
      );
      count += 1;
    }
    const last = rows.at(-1);
    if (last === undefined) return count;
    after = last.tenant_id;
  }
}

/** The services whose schema has data keys. Throws for a user who would see a part of them only. */
export async function servicesWithDataKeys(client: ClientBase): Promise<readonly string[]> {
  // From here on an error, instead of the part of the rows that policies let through.
  await client.query('set row_security = off');
  const { rows } = await client.query<{ nspname: string }>(
    `select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = 'data_keys' and c.relkind = 'r' order by 1`,
  );
  const services = rows.map(({ nspname }) => nspname);
  for (const service of services) await client.query(`select from ${tableOf(service)} limit 1`);
  return services;
}

const tableOf = (service: string): string => `${pg.escapeIdentifier(service)}.data_keys`;
