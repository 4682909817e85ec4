import { PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { OPERATOR_PASSWORD, openWorld, type World } from '../../../tests/support/world.ts';
import { login, refresh, register, verifyAccount } from '../contract/auth.ts';
import { changePassword, endSession, listSessions, readMe, updateMe } from '../contract/me.ts';
import { createTenant, reactivateTenant, suspendTenant } from '../contract/tenants.ts';
import { assignRoles, listUsers, readUser } from '../contract/users.ts';

let world: World;
const password = 'correct horse battery';

beforeAll(async () => {
  world = await openWorld({ services: ['users'], simulators: ['mailbox'] });
});
afterAll(() => world.close());

let counter = 0;
async function newTenant() {
  const slug = `acme-${++counter}`;
  const operator = world.principal(PLATFORM_TENANT_ID, ['owner', 'operator']);
  const answer = await world.call(
    createTenant,
    {
      body: {
        slug,
        name: 'Acme Trading',
        country: 'ID',
        currency: 'IDR',
        timeZone: 'Asia/Jakarta',
        tax: { registered: true, npwp: '0012345678901000' },
        admin: { email: 'admin@acme.example', password, name: 'Ayu' },
      },
    },
    operator,
  );
  expect(answer.status).toBe(201);
  return answer.body;
}

const mails = async (to: string): Promise<{ subject: string; tokens: string[] }[]> => {
  const response = await fetch(`${world.mailboxUrl}/messages?to=${encodeURIComponent(to)}`);
  return ((await response.json()) as { data: { subject: string; tokens: string[] }[] }).data;
};

async function registered(slug: string, email: string, locale: 'id' | 'en' = 'id'): Promise<string> {
  const answer = await world.call(register, { body: { tenant: slug, email, password, name: 'Budi', locale } }, null);
  expect(answer.status).toBe(202);
  return eventually(async () => {
    const [mail] = await mails(email);
    expect(mail?.tokens).toHaveLength(1);
    return mail?.tokens[0] ?? '';
  });
}

async function activeUser(slug: string, email: string) {
  const token = await registered(slug, email);
  expect((await world.call(verifyAccount, { body: { token } }, null)).status).toBe(200);
  const answer = await world.call(login, { body: { tenant: slug, email, password } }, null);
  expect(answer.status).toBe(200);
  return answer.body;
}

describe('Signing in', () => {
  it('lets the operator in with the password of the configuration', async () => {
    const answer = await world.call(
      login,
      { body: { tenant: 'platform', email: 'operator@tenantry.local', password: OPERATOR_PASSWORD } },
      null,
    );
    expect(answer.status).toBe(200);
    expect(answer.body.user).toMatchObject({ tenantId: PLATFORM_TENANT_ID, roles: ['owner', 'operator'] });
  });

  it('lets the admin of a new tenant in at once', async () => {
    const tenant = await newTenant();
    const answer = await world.call(
      login,
      { body: { tenant: tenant.slug, email: 'ADMIN@acme.example', password } },
      null,
    );
    expect(answer.status).toBe(200);
    expect(answer.body.user).toMatchObject({ tenantId: tenant.id, roles: ['owner'] });
  });

  it('says the same for a wrong tenant, a wrong address and a wrong password', async () => {
    const { slug } = await newTenant();
    const wrong = [
      { tenant: 'nobody-here', email: 'admin@acme.example', password },
      { tenant: slug, email: 'nobody@acme.example', password },
      { tenant: slug, email: 'admin@acme.example', password: 'something else' },
    ];
    const answers = await Promise.all(wrong.map((body) => world.call(login, { body }, null)));
    const shown = answers.map(({ status, body }) => ({ status, ...(body as object), traceId: '' }));
    expect(shown[0]).toMatchObject({ status: 401, code: 'invalid-credentials' });
    expect(new Set(shown.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  it('waits for the address to be proved, once, with the token of the mail', async () => {
    const { slug } = await newTenant();
    const token = await registered(slug, 'wait@example.com');
    const early = await world.call(login, { body: { tenant: slug, email: 'wait@example.com', password } }, null);
    expect(early).toMatchObject({ status: 403, body: { code: 'account-not-active' } });
    expect((await world.call(verifyAccount, { body: { token } }, null)).status).toBe(200);
    expect(await world.call(verifyAccount, { body: { token } }, null)).toMatchObject({
      status: 400,
      body: { code: 'invalid-token' },
    });
    expect(
      (await world.call(login, { body: { tenant: slug, email: 'wait@example.com', password } }, null)).status,
    ).toBe(200);
  });
});

describe('Signing up', () => {
  it('answers a known address like a new one and tells its owner by mail', async () => {
    const { slug } = await newTenant();
    await activeUser(slug, 'known@example.com');
    const body = { tenant: slug, password: 'another good secret', name: 'Mallory', locale: 'en' as const };
    const known = await world.call(register, { body: { ...body, email: 'known@example.com' } }, null);
    const fresh = await world.call(register, { body: { ...body, email: 'fresh@example.com' } }, null);
    expect(known.status).toBe(202);
    expect(known.body).toEqual(fresh.body);
    await eventually(async () => expect(await mails('known@example.com')).toHaveLength(2));
    const attacker = await world.call(
      login,
      { body: { tenant: slug, email: 'known@example.com', password: 'another good secret' } },
      null,
    );
    expect(attacker.status).toBe(401);
  });

  it('keeps the same address in two tenants apart', async () => {
    const [one, two] = [await newTenant(), await newTenant()];
    await registered(one.slug, 'same@example.com');
    const answer = await world.call(
      register,
      { body: { tenant: two.slug, email: 'same@example.com', password, name: 'Budi' } },
      null,
    );
    expect(answer.status).toBe(202);
    await eventually(async () => expect(await mails('same@example.com')).toHaveLength(2));
  });

  it.each([
    ['password', 'on the lists'],
    ['aaaaaaaaaaaa', 'repeats'],
    ['lisa-putri1', 'made of the e-mail'],
  ])('refuses the password %s', async (weak, reason) => {
    const { slug } = await newTenant();
    const answer = await world.call(
      register,
      { body: { tenant: slug, email: 'lisa-putri@example.com', password: weak, name: 'Lisa' } },
      null,
    );
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'weak-password', errors: [{ path: '/password', message: expect.stringContaining(reason) }] },
    });
  });

  it('names every fault of the body', async () => {
    const answer = await world.call(
      register,
      { body: { tenant: 'acme', email: 'nonsense', name: 'x', role: 'owner' } as never },
      null,
    );
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation-failed' } });
    const paths = (answer.body as unknown as { errors: { path: string }[] }).errors
      .map((error) => error.path)
      .toSorted();
    expect(paths).toEqual(['/email', '/password', '/role']);
  });
});

describe('Somebody who signs up with an address that is not theirs', () => {
  const signUp = (tenant: string, email: string, secret: string, name: string) =>
    world.call(register, { body: { tenant, email, password: secret, name, locale: 'en' } }, null);
  const tokensOf = async (email: string, count: number): Promise<string[]> =>
    eventually(async () => {
      const tokens = (await mails(email)).flatMap((mail) => mail.tokens);
      expect(tokens).toHaveLength(count);
      return tokens;
    });
  const signIn = async (tenant: string, email: string, secret: string): Promise<number> =>
    (await world.call(login, { body: { tenant, email, password: secret } }, null)).status;

  it.each(['before its owner', 'after its owner'])(
    '%s gets nothing: each link proves its own sign-up',
    async (when) => {
      const { slug } = await newTenant();
      const email = `owner-${when.split(' ')[0]}@example.com`;
      const attacker = () => signUp(slug, email, 'attacker knows this', 'Mallory');
      const owner = () => signUp(slug, email, 'only the owner knows', 'Owner');
      const [first, second] = when.startsWith('before') ? [attacker, owner] : [owner, attacker];
      await first();
      const [firstToken = ''] = await tokensOf(email, 1);
      await second();
      const bothTokens = await tokensOf(email, 2);
      const secondToken = bothTokens.find((token) => token !== firstToken) ?? '';
      const ownersToken = when.startsWith('before') ? secondToken : firstToken;
      expect((await world.call(verifyAccount, { body: { token: ownersToken } }, null)).status).toBe(200);
      expect(await signIn(slug, email, 'only the owner knows')).toBe(200);
      expect(await signIn(slug, email, 'attacker knows this')).toBe(401);
    },
  );

  it('cannot flood its mailbox through us, nor win by using its mails up', async () => {
    const { slug } = await newTenant();
    const email = 'flooded@example.com';
    for (let turn = 0; turn < 5; turn++) {
      expect((await signUp(slug, email, `secret number ${turn}`, 'Eve')).status).toBe(202);
      await tokensOf(email, turn + 1);
    }
    expect((await signUp(slug, email, 'only the owner knows', 'Owner')).status).toBe(202);
    expect((await signUp(slug, email, 'secret number 7', 'Eve')).status).toBe(202);
    const due = await world.sql<{ count: bigint }>(`select count(*) from users.due where kind = 'mail:send'`);
    expect(Number(due[0]?.count)).toBe(0);
    for (const token of await tokensOf(email, 5)) {
      expect((await world.call(verifyAccount, { body: { token } }, null)).status).toBe(400);
    }
    expect(await signIn(slug, email, 'secret number 4')).toBe(401);
    world.clock.advance({ hours: 1, minutes: 1 });
    expect((await signUp(slug, email, 'only the owner knows', 'Owner')).status).toBe(202);
    const [newest = ''] = await tokensOf(email, 6);
    expect((await world.call(verifyAccount, { body: { token: newest } }, null)).status).toBe(200);
    expect(await signIn(slug, email, 'only the owner knows')).toBe(200);
  });
});

describe('Guessing a password', () => {
  it('ends after ten failures from one address, for that account alone', async () => {
    const { slug } = await newTenant();
    await activeUser(slug, 'guessed@example.com');
    const guess = (email: string, headers: Record<string, string> = {}) =>
      world.call(login, { body: { tenant: slug, email, password: 'not this one' } }, null, { headers });
    const answers = [];
    for (let turn = 0; turn < 12; turn++) answers.push((await guess('guessed@example.com')).status);
    expect(answers).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    const right = await world.call(login, { body: { tenant: slug, email: 'guessed@example.com', password } }, null);
    expect(right).toMatchObject({ status: 429, body: { code: 'rate-limited' } });
    expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await guess('somebody.else@example.com')).status).toBe(401);
    // The owner, who sits somewhere else, is not shut out.
    const elsewhere = { 'tenantry-client-address': '203.0.113.9' };
    const owner = await world.call(login, { body: { tenant: slug, email: 'guessed@example.com', password } }, null, {
      headers: elsewhere,
    });
    expect(owner.status).toBe(200);
  });
});

describe('A suspended tenant', () => {
  it('lets nobody in until it is reactivated; refresh tokens survive', async () => {
    const tenant = await newTenant();
    const session = await activeUser(tenant.slug, 'suspended@example.com');
    const operator = world.principal(PLATFORM_TENANT_ID, ['operator']);
    expect((await world.call(suspendTenant, { params: { tenantId: tenant.id } }, operator)).body.status).toBe(
      'suspended',
    );
    const signIn = () =>
      world.call(login, { body: { tenant: tenant.slug, email: 'suspended@example.com', password } }, null);
    const again = () => world.call(refresh, { body: { refreshToken: session.refreshToken } }, null);
    expect(await signIn()).toMatchObject({ status: 403, body: { code: 'tenant-suspended' } });
    expect(await again()).toMatchObject({ status: 403, body: { code: 'tenant-suspended' } });
    const other = await world.call(suspendTenant, { params: { tenantId: tenant.id } }, operator);
    expect(other).toMatchObject({
      status: 409,
      body: { code: 'invalid-transition', from: 'suspended', to: 'suspended' },
    });
    await world.call(reactivateTenant, { params: { tenantId: tenant.id } }, operator);
    expect((await signIn()).status).toBe(200);
    expect((await again()).status).toBe(200);
  });
});

describe('Text that cannot be kept', () => {
  it('is refused by its field, the same for a tenant that is there and one that is not', async () => {
    const { slug } = await newTenant();
    for (const tenant of [slug, 'nobody-here']) {
      for (const email of ['a\u0000b', 'half \ud800']) {
        const answer = await world.call(login, { body: { tenant, email, password } }, null);
        expect(answer).toMatchObject({
          status: 400,
          body: { code: 'validation-failed', errors: [{ path: '/email' }] },
        });
      }
    }
  });

  it('and very many unknown fields are told of', async () => {
    const body = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, 1]));
    const answer = await world.call(login, { body: body as never }, null);
    expect(answer.status).toBe(400);
    expect((answer.body as unknown as { errors: unknown[] }).errors.length).toBeGreaterThan(0);
  });
});

describe('Refresh tokens', () => {
  it('work once; a second use ends the session', async () => {
    const { slug, id } = await newTenant();
    const session = await activeUser(slug, 'rotate@example.com');
    const second = await world.call(refresh, { body: { refreshToken: session.refreshToken } }, null);
    expect(second.status).toBe(200);
    const replayed = await world.call(refresh, { body: { refreshToken: session.refreshToken } }, null);
    expect(replayed).toMatchObject({ status: 401, body: { code: 'invalid-refresh-token' } });
    const third = await world.call(refresh, { body: { refreshToken: second.body.refreshToken } }, null);
    expect(third.status).toBe(401);
    const me = world.principal(id as TenantId, ['member'], session.user.id);
    expect((await world.call(listSessions, {}, me)).body.data).toEqual([]);
  });

  it('used by two at the same instant give tokens to one of them', async () => {
    const { slug } = await newTenant();
    const session = await activeUser(slug, 'race@example.com');
    const body = { refreshToken: session.refreshToken };
    const answers = await Promise.all(Array.from({ length: 8 }, () => world.call(refresh, { body }, null)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
  });

  it('of another tenant do not exist', async () => {
    const [one, two] = [await newTenant(), await newTenant()];
    const session = await activeUser(one.slug, 'mine@example.com');
    const forged = session.refreshToken.replace(one.id.slice(4), two.id.slice(4));
    expect((await world.call(refresh, { body: { refreshToken: forged } }, null)).status).toBe(401);
  });
});

describe('A user', () => {
  it('reads oneself, and nobody else without reach', async () => {
    const tenant = await newTenant();
    const one = await activeUser(tenant.slug, 'one@example.com');
    const two = await activeUser(tenant.slug, 'two@example.com');
    const me = world.principal(tenant.id, ['member'], one.user.id);
    expect((await world.call(readMe, {}, me)).body.email).toBe('one@example.com');
    expect((await world.call(readUser, { params: { userId: two.user.id } }, me)).status).toBe(404);
    expect(await world.call(listUsers, {}, me)).toMatchObject({
      status: 403,
      body: { code: 'forbidden', requiredPermission: 'user:list' },
    });
    const foreigner = world.principal((await newTenant()).id, ['owner']);
    expect((await world.call(readUser, { params: { userId: two.user.id } }, foreigner)).status).toBe(404);
  });

  it('changes the password and is signed out everywhere else', async () => {
    const tenant = await newTenant();
    const here = await activeUser(tenant.slug, 'change@example.com');
    await world.call(login, { body: { tenant: tenant.slug, email: 'change@example.com', password } }, null);
    const claims = JSON.parse(Buffer.from(here.accessToken.split('.')[1] ?? '', 'base64url').toString()) as {
      sid: string;
    };
    const me = { ...world.principal(tenant.id, ['member'], here.user.id), sessionId: claims.sid };
    const change = { currentPassword: password, newPassword: 'a quite different one' };
    expect((await world.call(changePassword, { body: change }, me)).status).toBe(204);
    const sessions = (await world.call(listSessions, {}, me)).body.data;
    expect(sessions.map((session) => session.id)).toEqual([claims.sid]);
    expect((await world.call(changePassword, { body: change }, me)).status).toBe(401);
    expect((await world.call(endSession, { params: { sessionId: claims.sid as 'ses_' } }, me)).status).toBe(204);
    expect((await world.call(endSession, { params: { sessionId: claims.sid as 'ses_' } }, me)).status).toBe(404);
  });
});

describe('Editing', () => {
  it('refuses who has seen an older version, also of two at the same instant', async () => {
    const tenant = await newTenant();
    const { user } = await activeUser(tenant.slug, 'edit@example.com');
    const me = world.principal(tenant.id, ['member'], user.id);
    const etag = (await world.call(readMe, {}, me)).headers.get('etag') ?? '';
    const rename = (name: string, ifMatch: string) =>
      world.call(updateMe, { body: { name } }, me, { headers: { 'if-match': ifMatch } });
    const answers = await Promise.all([rename('One', etag), rename('Two', etag)]);
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 412]);
    expect(await rename('Three', 'W/"x"')).toMatchObject({ status: 412, body: { code: 'stale' } });
    expect((await rename('Four', '*')).body.name).toBe('Four');
  });
});

describe('Roles', () => {
  it('are given by those who stand above them', async () => {
    const tenant = await newTenant();
    const { user } = await activeUser(tenant.slug, 'climber@example.com');
    const admin = world.principal(tenant.id, ['admin']);
    const owner = world.principal(tenant.id, ['owner']);
    const assign = (roles: ('owner' | 'admin' | 'operator')[], by: typeof admin) =>
      world.call(assignRoles, { params: { userId: user.id }, body: { roles } }, by);
    expect((await assign(['owner'], admin)).status).toBe(403);
    expect((await assign(['operator'], owner)).status).toBe(400);
    expect((await assign(['admin'], admin)).body.roles).toEqual(['admin']);
    expect((await assign(['owner'], owner)).body.roles).toEqual(['owner']);
  });

  it('always leave an owner, also when two go at the same instant', async () => {
    const tenant = await newTenant();
    const owner = world.principal(tenant.id, ['owner']);
    const { user } = await activeUser(tenant.slug, 'second-owner@example.com');
    await world.call(assignRoles, { params: { userId: user.id }, body: { roles: ['owner'] } }, owner);
    const all = (await world.call(listUsers, {}, owner)).body.data.filter((one) => one.roles.includes('owner'));
    expect(all).toHaveLength(2);
    const answers = await Promise.all(
      all.map((one) => world.call(assignRoles, { params: { userId: one.id }, body: { roles: ['member'] } }, owner)),
    );
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 409]);
  });
});

describe('Creating a tenant', () => {
  const body = (slug: string) => ({
    slug,
    name: 'Twice',
    country: 'ID',
    currency: 'IDR' as const,
    timeZone: 'Asia/Jakarta',
    admin: { email: 'a@twice.example', password, name: 'Ayu' },
  });

  it('is for operators', async () => {
    const tenant = await newTenant();
    const answer = await world.call(
      createTenant,
      { body: body('not-mine') },
      world.principal(tenant.id, ['owner', 'operator']),
    );
    expect(answer).toMatchObject({ status: 403, body: { requiredPermission: 'tenant:create' } });
  });

  it('with the same key gives the same tenant, also at the same instant', async () => {
    const operator = world.principal(PLATFORM_TENANT_ID, ['operator']);
    const calls = Array.from({ length: 5 }, () =>
      world.call(createTenant, { body: body('twice') }, operator, { idempotencyKey: 'k-1' }),
    );
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => answer.status).filter((status) => status !== 409)).toContain(201);
    const again = await world.call(createTenant, { body: body('twice') }, operator, { idempotencyKey: 'k-1' });
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    const other = await world.call(createTenant, { body: body('other') }, operator, { idempotencyKey: 'k-1' });
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
    expect(await world.call(createTenant, { body: body('twice') }, operator)).toMatchObject({
      status: 409,
      body: { code: 'slug-taken' },
    });
  });

  it('refuses a time zone that does not exist', async () => {
    const operator = world.principal(PLATFORM_TENANT_ID, ['operator']);
    const answer = await world.call(
      createTenant,
      { body: { ...body('nowhere'), timeZone: 'Asia/Atlantis' } },
      operator,
    );
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: '/timeZone' }] } });
  });
});
