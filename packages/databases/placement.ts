import { idFromUuid, isId, type TenantId } from '@tenantry/kernel/id.ts';

/** The database that DATABASE_URL names: of every tenant that is not placed elsewhere. */
export const MAIN_DATABASE = 'main';

/** Where tenants live. Decided by configuration alone, so that all processes agree without asking each other. */
export type Placement = {
  /** Names of all databases; the main one comes first. */
  readonly databases: readonly string[];
  readonly databaseOf: (tenantId: TenantId) => string;
};

/** As a person writes it: see `TenantDatabases` and `TenantPlacements` of the configuration. */
export type PlacementSettings = { readonly databases: string; readonly placements: string };

export type NamedDatabase = { readonly name: string; readonly url: string };

const NAME = /^[a-z][a-z0-9-]{0,30}$/;

/**
 * `eu=postgres://host:5432/tenantry,acme=postgres://…`: databases beside the main one.
 * Throws a RangeError that names the entry, never its URL.
 */
export function readTenantDatabases(text: string): readonly NamedDatabase[] {
  const databases = entriesOf(text).map(([name, url]) => {
    if (!NAME.test(name) || name === MAIN_DATABASE)
      throw new RangeError(`a database's name is 1 to 31 of a-z, 0-9 and -, and not ${MAIN_DATABASE}: ${name}`);
    if (url === '') throw new RangeError(`the database ${name} has no URL`);
    return { name, url };
  });
  const twice = databases.find(({ name }, place) => databases.findIndex((other) => other.name === name) < place);
  if (twice !== undefined) throw new RangeError(`the database ${twice.name} is named twice`);
  return databases;
}

/**
 * `ten_…=acme,since:2027-01-01T00:00:00Z=eu`: these tenants, and all that are created from an instant on (their ids tell:
 * UUIDv7). Who is named goes before when; of several instants the latest that has passed counts.
 * Throws a RangeError that names the entry.
 */
export function readPlacement({ databases: listed, placements }: PlacementSettings): Placement {
  const names = new Set([MAIN_DATABASE, ...readTenantDatabases(listed).map(({ name }) => name)]);
  const byTenant = new Map<string, string>();
  const since: { readonly from: string; readonly database: string }[] = [];
  for (const [who, database] of entriesOf(placements)) {
    if (!names.has(database))
      throw new RangeError(`${who} is placed in ${database || 'nothing'}, which is no database`);
    if (who.startsWith('since:')) since.push({ from: timeOfId(who.slice('since:'.length)), database });
    else if (!isId('ten', who)) throw new RangeError(`neither a tenant's id nor since:<instant>: ${who}`);
    else if (byTenant.has(who)) throw new RangeError(`${who} is placed twice`);
    else byTenant.set(who, database);
  }
  since.sort((one, other) => (one.from < other.from ? 1 : -1));
  return {
    databases: [...names],
    databaseOf(tenantId) {
      const named = byTenant.get(tenantId);
      if (named !== undefined) return named;
      const createdAt = tenantId.slice(4, 4 + TIME_CHARACTERS);
      for (const { from, database } of since) if (createdAt >= from) return database;
      return MAIN_DATABASE;
    },
  };
}

/** Of an id's 26 characters those that hold the 48 bits of its time: ids compare like their instants. */
const TIME_CHARACTERS = 10;

function timeOfId(text: string): string {
  let ms: number;
  try {
    ms = Temporal.Instant.from(text).epochMilliseconds;
  } catch {
    throw new RangeError(`not an instant with its time zone: since:${text}`);
  }
  const hex = ms.toString(16).padStart(12, '0');
  return idFromUuid('ten', `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`).slice(4, 4 + TIME_CHARACTERS);
}

const entriesOf = (text: string): readonly (readonly [string, string])[] =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry) => {
      // A tenant's id and a name hold no `=`; an URL may.
      const place = entry.indexOf('=');
      return place === -1 ? [entry, ''] : [entry.slice(0, place), entry.slice(place + 1)];
    });
