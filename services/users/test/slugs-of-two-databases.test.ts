import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { servicePrincipal } from '@tenantry/auth/principal.ts';
import { type Databases, openDatabases } from '@tenantry/databases/factory.ts';
import { systemClock } from '@tenantry/kernel/clock.ts';
import { newId, PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { copyTemplate } from '../../../tests/support/database.ts';
import { createPasswordHasher, type PasswordHasher } from '../keys/password-hasher.ts';
import type { UsersTables } from '../store/tables.ts';
import { createTenant } from '../use-cases/create-tenant.ts';

const SIGN_UPS = 50;
/** The last two, of either database, take no part in the race for one slug: who has a tenant gets it again. */
const tenants = Array.from({ length: SIGN_UPS + 2 }, () => newId('ten'));
const placements = tenants.flatMap((tenant, index) => (index % 2 === 0 ? [] : [`${tenant}=second`])).join();
const PASSWORD = 'correct horse battery';
let passwords: PasswordHasher;
const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-slugs-'));
type Copy = Awaited<ReturnType<typeof copyTemplate>>;
let copies: readonly [Copy, Copy];
let both: Databases<UsersTables>;
let alone: Databases<UsersTables>;
beforeAll(async () => {
  const hasher = await createPasswordHasher();
  const hashed = await hasher.hash(PASSWORD, '');
  // Hashed before, or two at a time would come to the slug and not fifty.
  passwords = { ...hasher, hash: async () => hashed };
  const name = `t${randomBytes(5).toString('hex')}`;
  const postgresUrl = inject('postgresUrl');
  copies = await Promise.all([copyTemplate(postgresUrl, name), copyTemplate(postgresUrl, `${name}second`)]);
  const open = (placement: { databases: string; placements: string }) =>
    openDatabases<UsersTables>({
      service: 'users',
      databaseUrl: copies[0].serviceUrl,
      redisUrl: inject('redisUrl'),
      clickhouseUrl: '',
      masterKey: inject('masterKey'),
      dataDir,
      namespace: name,
      clock: systemClock,
      traceparent: () => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      onError: () => undefined,
      placement,
    });
  both = open({ databases: `second=${copies[1].serviceUrl}`, placements });
  alone = open({ databases: '', placements: '' });
});
afterAll(async () => {
  await Promise.all([both, alone].map((databases) => databases.close()));
  await Promise.all(copies.map((copy) => copy.drop()));
  rmSync(dataDir, { recursive: true, force: true });
});

const signUp = (databases: Databases<UsersTables>, id: TenantId, slug: string): Promise<string> =>
  createTenant({ databases, passwords })(servicePrincipal('users', PLATFORM_TENANT_ID), {
    ...{ id, slug, name: slug, country: 'ID', currency: 'IDR', timeZone: 'Asia/Jakarta', mode: 'test' },
    tax: { registered: false },
    admin: { email: `admin@${slug}.example`, password: PASSWORD, name: 'Ayu', roles: ['owner'] },
  }).then(
    () => 'created',
    (error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      return error.kind.code;
    },
  );
const rowsOf = async (slug: string) =>
  (
    await Promise.all(
      copies.map(({ sql }) =>
        sql(
          `select t.tenant_id from users.tenants t join users.lookups l on l.target = t.tenant_id
           join users.users u on u.tenant_id = t.tenant_id where t.slug = $1 and l.key = $1`,
          [slug],
        ),
      ),
    )
  ).flat();

/** Fifty at once wait longer for a connection than they may, where the machine is busy: then nothing was done. */
async function signUpAtLast(databases: Databases<UsersTables>, id: TenantId, slug: string): Promise<string> {
  for (;;) {
    const end = await signUp(databases, id, slug);
    if (end !== 'upstream-unavailable') return end;
  }
}

describe('A slug', () => {
  it(`that ${SIGN_UPS} sign-ups in two databases want at one instant is one tenant’s, and all of that tenant is there`, async () => {
    const ends = await Promise.all(tenants.slice(0, SIGN_UPS).map((tenant) => signUpAtLast(both, tenant, 'acme')));
    expect(ends.filter((end) => end === 'created')).toHaveLength(1);
    expect(new Set(ends)).toEqual(new Set(['created', 'slug-taken']));
    expect(await rowsOf('acme')).toHaveLength(1);
    for (const { sql } of copies) expect(await sql('select 1 from users.name_claims')).toEqual([]);
  }, 60_000);

  it('is its tenant’s own when the request is repeated', async () => {
    for (const tenant of tenants.slice(SIGN_UPS)) {
      const slug = `own-${tenant.slice(-4)}`;
      const ends = await Promise.all([signUp(both, tenant, slug), signUp(both, tenant, slug)]);
      expect([...ends, await signUp(both, tenant, slug)]).toEqual(['created', 'created', 'created']);
      expect(await rowsOf(slug)).toHaveLength(1);
    }
  });

  it('costs nothing beside its unit of work where there is one database', async () => {
    const asked = () =>
      [...alone.calls.all()].flatMap(({ engine, operation, count }) =>
        engine === 'postgres' && count > 0 ? [`${operation} ${count}`] : [],
      );
    expect(asked()).toEqual([]);
    expect(await signUp(alone, newId('ten'), 'alone')).toBe('created');
    expect(await signUp(alone, newId('ten'), 'alone')).toBe('slug-taken');
    expect(asked()).toEqual(['unit-of-work 2']);
  });
});
