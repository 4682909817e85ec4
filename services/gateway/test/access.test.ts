import { generateKeyPairSync } from 'node:crypto';
import { generateSigningKey, signatureOf, signJws } from '@tenantry/auth/jws.ts';
import type { TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { type Id, newId, PLATFORM_TENANT_ID } from '@tenantry/kernel/id.ts';
import { serve, servePublic } from '@tenantry/kit/http/route.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../tests/support/eventually.ts';
import { purgeNotes, readNote, readPublic } from './endpoints.ts';
import { answersWith, ISSUER, openSetting, type Setting } from './setting.ts';
import { beginSoonExpired } from './soon-expired.ts';

let setting: Setting;
let gatewayUrl: string;
let tenant: TenantRecord;
let reached: number;

const ask = (token: string | null, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${gatewayUrl}/v1/notes/1`, {
    method,
    headers: token === null ? headers : { authorization: `Bearer ${token}`, ...headers },
  });
const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];

beforeAll(async () => {
  setting = await openSetting();
  tenant = await setting.tenant();
  gatewayUrl = (await setting.gateway()).url;
  await setting.service('notes', [
    serve(readNote, async ({ principal }) => {
      reached++;
      return { tenantId: principal.tenantId, grants: [...principal.grants], kind: principal.kind };
    }),
    serve(purgeNotes, async () => undefined),
    servePublic(readPublic, async ({ headers }) => ({
      hasPassport: headers['tenantry-passport'] !== undefined,
      hasAuthorization: headers.authorization !== undefined,
    })),
  ]);
  await answersWith(200, () => ask(setting.token(tenant.id)));
});
afterAll(() => setting.close());

describe('Access tokens', () => {
  const nowSeconds = () => Math.floor(Date.now() / 1_000);
  const claims = (overrides: Record<string, unknown> = {}) => ({
    iss: ISSUER,
    aud: 'tenantry',
    sub: newId('usr'),
    tid: tenant.id,
    sid: newId('ses'),
    roles: ['owner'],
    iat: nowSeconds(),
    exp: nowSeconds() + 300,
    ...overrides,
  });
  const signed = (payload: Record<string, unknown>, typ = 'at+jwt') => signJws(setting.tokenKey, typ, payload);
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const crafted = (header: Record<string, unknown>, signature = '') =>
    `${encode(header)}.${encode(claims())}.${signature === '' ? 'AA' : signature}`;

  const withoutClaim = (name: string) => {
    const { [name]: _, ...rest } = claims() as Record<string, unknown>;
    return rest;
  };

  it('lets a genuine one in, so that the refusals below mean something', async () => {
    expect((await ask(signed(claims()))).status).toBe(200);
  });

  const attacks: Record<string, () => string> = {
    'alg none': () => crafted({ alg: 'none', typ: 'at+jwt', kid: setting.tokenKey.kid }),
    'alg none without a signature': () =>
      `${encode({ alg: 'none', typ: 'at+jwt', kid: setting.tokenKey.kid })}.${encode(claims())}.`,
    'alg HS256 keyed with the public key': () => crafted({ alg: 'HS256', typ: 'at+jwt', kid: setting.tokenKey.kid }),
    'a foreign key under a known kid': () => signJws(generateSigningKey(setting.tokenKey.kid), 'at+jwt', claims()),
    'a foreign key under an unknown kid': () => signJws(generateSigningKey('evil-key'), 'at+jwt', claims()),
    'a kid that is a path': () => signJws(generateSigningKey('../../keys/*'), 'at+jwt', claims()),
    'a key inside the header': () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const header = {
        alg: 'ES256',
        typ: 'at+jwt',
        kid: setting.tokenKey.kid,
        jwk: publicKey.export({ format: 'jwk' }),
      };
      const input = `${encode(header)}.${encode(claims())}`;
      return `${input}.${signatureOf(privateKey, input).toString('base64url')}`;
    },
    'a changed payload': () => {
      const [head, , tail] = signed(claims()).split('.');
      return `${head}.${encode(claims({ roles: ['operator'] }))}.${tail}`;
    },
    'no exp': () => signed(withoutClaim('exp')),
    'no iat': () => signed(withoutClaim('iat')),
    'exp as text': () => signed(claims({ exp: '9999999999' })),
    'from the future': () => signed(claims({ iat: nowSeconds() + 3_600, exp: nowSeconds() + 7_200 })),
    'another type': () => signed(claims(), 'passport+jwt'),
    'no type': () => crafted({ alg: 'ES256', kid: setting.tokenKey.kid }),
    'another audience': () => signed(claims({ aud: 'elsewhere' })),
    'another issuer': () => signed(claims({ iss: 'http://evil.test' })),
    'a tenant that is no id': () => signed(claims({ tid: 'ten_*' })),
    'a subject that is no user': () => signed(claims({ sub: 'gateway' })),
    'no roles': () => signed(claims({ roles: 'owner' })),
    'an unknown critical extension': () => {
      const input = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: setting.tokenKey.kid, crit: ['exp'] })}.${encode(claims())}`;
      return `${input}.${signatureOf(setting.tokenKey.privateKey, input).toString('base64url')}`;
    },
    rubbish: () => 'a.b.c',
    'an API key of no form': () => 'tk_123',
  };
  for (const [name, make] of Object.entries(attacks)) {
    it(`are refused: ${name}`, async () => {
      reached = 0;
      const response = await ask(make());
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect(await codeOf(response)).toEqual([401, 'unauthenticated']);
      expect(reached).toBe(0);
    });
  }

  it('are refused in any other place or scheme', async () => {
    const token = signed(claims());
    expect(await codeOf(await ask(null))).toEqual([401, 'unauthenticated']);
    expect(await codeOf(await ask(null, { authorization: `Basic ${token}` }))).toEqual([401, 'unauthenticated']);
    expect(await codeOf(await ask(null, { authorization: token }))).toEqual([401, 'unauthenticated']);
    expect(await codeOf(await fetch(`${gatewayUrl}/v1/notes/1?access_token=${token}`))).toEqual([
      401,
      'unauthenticated',
    ]);
    expect((await ask(null, { authorization: `bearer ${token}` })).status).toBe(200);
  });

  it('that have expired say so, also when they were good a moment ago', async () => {
    expect(await codeOf(await ask(signed(claims({ exp: nowSeconds() - 1 }))))).toEqual([401, 'token-expired']);
    const { begun: soon } = await beginSoonExpired(async (exp) => {
      const token = signed(claims({ exp }));
      expect((await ask(token)).status).toBe(200);
      return token;
    });
    await eventually(async () => expect(await codeOf(await ask(soon))).toEqual([401, 'token-expired']));
  });

  it('of a revoked session are refused as soon as the revocation is pushed, though they are cached', async () => {
    const sid = newId('ses');
    const [one, other] = [signed(claims({ sid })), signed(claims())];
    expect((await ask(one)).status).toBe(200);
    await setting.revoke(sid);
    await eventually(async () => expect(await codeOf(await ask(one))).toEqual([401, 'unauthenticated']));
    expect((await ask(other)).status).toBe(200);
  });

  it('signed with a key that was published a moment ago are read through', async () => {
    const key = generateSigningKey('token-key-2');
    await setting.publishKey(key);
    expect((await ask(signJws(key, 'at+jwt', claims()))).status).toBe(200);
  });

  it('are not needed, and not passed on, where an endpoint asks nobody', async () => {
    const response = await fetch(`${gatewayUrl}/v1/public-notes`, {
      headers: { authorization: 'Bearer whatever', 'tenantry-passport': 'forged' },
    });
    expect(await response.json()).toEqual({ hasPassport: false, hasAuthorization: false });
  });
});

describe('The tenant', () => {
  it('is the one of the token; a header that contradicts it is refused', async () => {
    const other = await setting.tenant();
    const token = setting.token(tenant.id);
    expect((await ask(token, { 'x-tenant-id': tenant.id })).status).toBe(200);
    expect(await codeOf(await ask(token, { 'x-tenant-id': other.id }))).toEqual([403, 'tenant-mismatch']);
    expect(await codeOf(await ask(token, { 'x-tenant-id': '' }))).toEqual([403, 'tenant-mismatch']);
    const body = (await (await ask(token, { X_Tenant_Id: other.id })).json()) as { tenantId: string };
    expect(body.tenantId).toBe(tenant.id);
  });

  it('is shut out when it is suspended or closed, at once, and let in again when it is not', async () => {
    const id = newId('ten');
    await setting.tenant({ id });
    const token = setting.token(id);
    await answersWith(200, () => ask(token));
    for (const status of ['suspended', 'closed'] as const) {
      await setting.tenant({ id, status });
      expect(await codeOf(await answersWith(403, () => ask(token)))).toEqual([403, 'tenant-suspended']);
    }
    await setting.tenant({ id, status: 'trial' });
    await answersWith(200, () => ask(token));
  });

  it('zero is never shut out', async () => {
    await setting.tenant({ id: PLATFORM_TENANT_ID, status: 'suspended' });
    expect((await ask(setting.token(PLATFORM_TENANT_ID))).status).toBe(200);
  });

  it('is read through from users when it has not been pushed', async () => {
    const id: Id<'ten'> = newId('ten');
    setting.records.set(id, { ...tenant, id });
    expect((await ask(setting.token(id))).status).toBe(200);
    expect(await codeOf(await ask(setting.token(newId('ten'))))).toEqual([401, 'unauthenticated']);
  });

  it('that nobody can be asked about is an honest 503, not a refusal', async () => {
    const alone = await openSetting({ hasUsers: false });
    try {
      const { url } = await alone.gateway();
      await alone.service('notes', [serve(readNote, async () => ({}))]);
      const readAs = (token: string) => fetch(`${url}/v1/notes/1`, { headers: { authorization: `Bearer ${token}` } });
      const { id } = await alone.tenant();
      await answersWith(200, () => readAs(alone.token(id)));
      expect(await codeOf(await readAs(alone.token(newId('ten'))))).toEqual([503, 'upstream-unavailable']);
    } finally {
      await alone.close();
    }
  });
});

describe('Permission', () => {
  const purge = (roles: readonly string[], tenantId = tenant.id) =>
    ask(setting.token(tenantId, { roles }), {}, 'DELETE');

  it('is what the roles of the token give', async () => {
    expect((await purge(['admin'])).status).toBe(204);
    const refused = await purge(['member']);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: 'forbidden', requiredPermission: 'note:purge' });
    expect((await purge([])).status).toBe(403);
    expect((await purge(['root', '__proto__'])).status).toBe(403);
  });

  it('of an operator exists in tenant zero only', async () => {
    expect((await purge(['operator'])).status).toBe(403);
    expect((await purge(['operator'], PLATFORM_TENANT_ID)).status).toBe(204);
  });
});
