import { randomBytes } from 'node:crypto';
import { appRole, derivePassword } from '@tenantry/databases/credentials.ts';
import { SERVICES_WITH_SCHEMA } from '@tenantry/deploy/migrate/migrate.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyTemplate } from '../support/database.ts';

const TENANTS = 40;
const USERS_PER_TENANT = 100;
const SECRET = 'budi.theirs@example.com';

let database: Awaited<ReturnType<typeof copyTemplate>>;
let client: pg.Client;
const notices: string[] = [];
const tenants = Array.from({ length: TENANTS }, () => newUuid());
const [mine = '', theirs = ''] = tenants;

beforeAll(async () => {
  database = await copyTemplate(inject('postgresUrl'), `t${randomBytes(5).toString('hex')}`);
  await database.sql(
    `insert into users.users (tenant_id, id, email, name, locale, status, password_hash, roles, version, created_at)
     select tenant, gen_random_uuid(), 'user' || n || '@' || tenant, 'A', 'en', 'active', '', '{member}', 1, now()
     from unnest($1::uuid[]) as tenant, generate_series(1, ${USERS_PER_TENANT}) as n`,
    [tenants],
  );
  await database.sql(`update users.users set email = $1 where tenant_id = $2 and email like 'user1@%'`, [
    SECRET,
    theirs,
  ]);
  await database.sql('analyze users.users');
  const url = new URL(database.serviceUrl);
  url.username = appRole('users');
  url.password = derivePassword(inject('masterKey'), appRole('users'));
  client = new pg.Client({ connectionString: url.href, options: '-c search_path=users' });
  client.on('notice', ({ message }) => notices.push(message ?? ''));
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** As the application's role, for one tenant; undone. */
async function as<T>(tenant: string, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    await client.query("select set_config('app.tenant_id', $1, true)", [tenant]);
    return await work();
  } finally {
    await client.query('rollback');
  }
}

type Plan = {
  readonly 'Node Type': string;
  readonly 'Index Cond'?: string;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
};
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

describe('A condition that PostgreSQL may not trust with rows that are hidden', () => {
  it.each([
    ['like', "email like 'user7%'"],
    ['a function of a column', "lower(email) = 'user7@x'"],
    ['a regular expression', "email ~ '^user7'"],
    ['none at all', 'true'],
  ])('(%s) is asked of the rows of the tenant alone, which an index finds', async (_what, condition) => {
    const plan = await as(mine, async () => {
      const { rows } = await client.query(`explain (analyze, format json) select id from users where ${condition}`);
      return rows[0]['QUERY PLAN'][0].Plan as Plan;
    });
    const nodes = nodesOf(plan);
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
    expect(nodes.some((node) => node['Index Cond']?.includes('tenant_id') === true)).toBe(true);
    for (const node of nodes) expect(node['Rows Removed by Filter'] ?? 0).toBeLessThanOrEqual(USERS_PER_TENANT);
  });

  it('cannot fail on a row that is hidden, and so tell that it is there', async () => {
    const provoke = `select count(*)::int as n from users where 1 / (case when email = '${SECRET}' then 0 else 1 end) = 1`;
    await expect(as(theirs, () => client.query(provoke))).rejects.toMatchObject({ code: '22012' });
    expect((await as(mine, () => client.query(provoke))).rows).toEqual([{ n: USERS_PER_TENANT }]);
  });

  it('is not shown a row that is hidden, however cheap it says it is', async () => {
    const peek = async () => {
      await client.query(
        `create function pg_temp.peek(text) returns boolean language plpgsql cost 0.0000001 as
           $$ begin raise notice '%', $1; return true; end $$`,
      );
      notices.length = 0;
      await client.query('select 1 from users where pg_temp.peek(email)');
      return [...notices];
    };
    expect(await as(theirs, peek)).toContain(SECRET);
    const seen = await as(mine, peek);
    expect(seen).toHaveLength(USERS_PER_TENANT);
    expect(seen.filter((email) => !email.endsWith(mine))).toEqual([]);
  });
});

describe('What the planner has learnt', () => {
  it('of the tables of tenants is shown to nobody who signs in as a service', async () => {
    const known = await database.sql<{ n: number }>(
      "select count(*)::int as n from pg_stats where schemaname = 'users' and tablename = 'users'",
    );
    expect(known[0]?.n).toBeGreaterThan(5);
    for (const tenant of [mine, theirs]) {
      const seen = await as(tenant, () => client.query('select 1 from pg_stats where schemaname = $1', ['users']));
      expect(seen.rowCount).toBe(0);
    }
  });

  // CVE-2025-8713: statistics of partitions and children told of rows that row-level security hides.
  it('is not spread over partitions or children, and the server knows how to keep it', async () => {
    expect(
      await database.sql(
        `select i.inhrelid::regclass::text as child from pg_inherits i join pg_class c on c.oid = i.inhrelid
         join pg_namespace n on n.oid = c.relnamespace where n.nspname = any($1) and c.relkind in ('r', 'p')`,
        [[...SERVICES_WITH_SCHEMA]],
      ),
    ).toEqual([]);
    const [server] = await database.sql<{ version: number }>(
      "select current_setting('server_version_num')::int as version",
    );
    const version = server?.version ?? 0;
    const mended: Readonly<Record<number, number>> = { 15: 150_014, 16: 160_010, 17: 170_006 };
    expect(version).toBeGreaterThanOrEqual(mended[Math.floor(version / 10_000)] ?? 180_000);
  });
});
