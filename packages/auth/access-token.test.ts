import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { newId } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { importJWK, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { type AccessTokenClaims, issueAccessToken, keyIdOf, verifyAccessToken } from './access-token.ts';
import { decodeJws, fromPublicJwk, generateSigningKey, signatureOf, signJws, toPublicJwk } from './jws.ts';

const NOW = 1_800_000_000;
const ISSUER = 'http://localhost:8000';
const key = generateSigningKey('at-1');
const claims: AccessTokenClaims = {
  tenantId: newId('ten'),
  userId: newId('usr'),
  sessionId: newId('ses'),
  roles: ['owner'],
  issuedAtSeconds: NOW,
  expiresAtSeconds: NOW + 300,
};
const payload = {
  iss: ISSUER,
  aud: 'tenantry',
  sub: claims.userId,
  tid: claims.tenantId,
  sid: claims.sessionId,
  roles: claims.roles,
  iat: NOW,
  exp: NOW + 300,
};
const verify = (token: string, nowSeconds = NOW) =>
  verifyAccessToken(token, {
    issuer: ISSUER,
    nowSeconds,
    keyOf: (kid) => (kid === key.kid ? key.publicKey : undefined),
  });

function codeOf(token: string, nowSeconds = NOW): string {
  try {
    verify(token, nowSeconds);
    return 'accepted';
  } catch (error) {
    if (error instanceof Problem) return error.kind.code;
    throw error;
  }
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** Signed with the right key, but with whatever header and payload an attacker may wish for. */
function forge(header: unknown, body: unknown = payload): string {
  const input = `${encode(header)}.${encode(body)}`;
  return `${input}.${signatureOf(key.privateKey, input).toString('base64url')}`;
}
const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: 'at-1' };
const genuine = issueAccessToken(key, ISSUER, claims);
const [head = '', body = '', signature = ''] = genuine.split('.');

describe('An access token', () => {
  it('says who it was issued for', () => {
    expect(verify(genuine)).toEqual(claims);
    expect(keyIdOf(genuine)).toBe('at-1');
  });

  it('holds until its last second, and is then told apart from a false one', () => {
    expect(codeOf(genuine, NOW + 299)).toBe('accepted');
    expect(codeOf(genuine, NOW + 300)).toBe('token-expired');
    expect(codeOf(`${head}.${body}.${'A'.repeat(86)}`, NOW + 300)).toBe('unauthenticated');
  });

  it('may come from a clock that is a few seconds ahead, not more', () => {
    expect(codeOf(genuine, NOW - 5)).toBe('accepted');
    expect(codeOf(genuine, NOW - 6)).toBe('unauthenticated');
  });
});

const hmacWithThePublicKey = (): string => {
  const input = `${encode({ ...HEADER, alg: 'HS256' })}.${encode(payload)}`;
  const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
};
const withRsa = (): string => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const input = `${encode({ ...HEADER, alg: 'RS256' })}.${encode(payload)}`;
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
};
const without = (name: keyof typeof payload): object => {
  const { [name]: _gone, ...rest } = payload;
  return rest;
};
const otherLastCharacter = (text: string): string => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(text.at(-1) ?? '');
  return `${text.slice(0, -1)}${alphabet[last ^ 1]}`;
};
/** (r, n - s), which every library takes for the same signature as (r, s). */
const mirrored = (text: string): string => {
  const bytes = Buffer.from(text, 'base64url');
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = order - BigInt(`0x${bytes.toString('hex', 32)}`);
  return Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]).toString(
    'base64url',
  );
};
const foreign = generateSigningKey('at-1');

describe('A token is refused', () => {
  it.each<readonly [why: string, token: string]>([
    ['without an algorithm', `${encode({ ...HEADER, alg: 'none' })}.${body}.`],
    ['without an algorithm but signed', forge({ ...HEADER, alg: 'none' })],
    ['with an algorithm in other letters', forge({ ...HEADER, alg: 'es256' })],
    ['with a list of algorithms', forge({ ...HEADER, alg: ['ES256'] })],
    ['whose HMAC key is our public key', hmacWithThePublicKey()],
    ['of another algorithm', withRsa()],
    ['of an algorithm of other lengths', forge({ ...HEADER, alg: 'ES384' })],
    ['whose signature is nothing but zeros', `${head}.${body}.${'A'.repeat(86)}`],
    ['with the mirrored signature', `${head}.${body}.${mirrored(signature)}`],
    ['signed by a foreign key under our kid', issueAccessToken(foreign, ISSUER, claims)],
    ['that brings its own key', forge({ ...HEADER, kid: 'at-9', jwk: toPublicJwk(foreign.publicKey) })],
    ['of a kid that we do not know', forge({ ...HEADER, kid: 'at-2' })],
    ['without a kid', forge({ alg: 'ES256', typ: 'at+jwt' })],
    ['whose kid is a path', forge({ ...HEADER, kid: '../../dev/null' })],
    ['of another type', forge({ ...HEADER, typ: 'passport+jwt' })],
    ['of the bare type JWT', forge({ ...HEADER, typ: 'JWT' })],
    ['without a type', forge({ alg: 'ES256', kid: 'at-1' })],
    ['with a critical extension', forge({ ...HEADER, crit: ['exp'] })],
    ['with unencoded payload', forge({ ...HEADER, b64: false, crit: ['b64'] })],
    ['for another audience', forge(HEADER, { ...payload, aud: 'elsewhere' })],
    ['for several audiences', forge(HEADER, { ...payload, aud: ['tenantry'] })],
    ['of another issuer', forge(HEADER, { ...payload, iss: 'https://evil.example' })],
    ['without an issuer', forge(HEADER, without('iss'))],
    ['without an audience', forge(HEADER, without('aud'))],
    ['without exp', forge(HEADER, without('exp'))],
    ['without iat', forge(HEADER, without('iat'))],
    ['without a tenant', forge(HEADER, without('tid'))],
    ['without a session', forge(HEADER, without('sid'))],
    ['without roles', forge(HEADER, without('roles'))],
    ['issued in the future', forge(HEADER, { ...payload, iat: NOW + 60 })],
    ['whose exp is a text', forge(HEADER, { ...payload, exp: '9999999999' })],
    ['whose exp is null', forge(HEADER, { ...payload, exp: null })],
    ['of a user that is no user', forge(HEADER, { ...payload, sub: claims.tenantId })],
    ['of a tenant that is no tenant', forge(HEADER, { ...payload, tid: `${claims.tenantId}' or 1=1` })],
    ['whose roles are no list', forge(HEADER, { ...payload, roles: 'owner' })],
    ['whose roles are no texts', forge(HEADER, { ...payload, roles: [{ owner: true }] })],
    ['whose payload is a list', forge(HEADER, [payload])],
    ['whose header is null', forge(null)],
    ['whose signature was stripped', `${head}.${body}.`],
    ['without the last part', `${head}.${body}`],
    ['with a fourth part', `${genuine}.${signature}`],
    ['with an empty fourth part', `${genuine}.`],
    ['with padding', `${genuine}==`],
    ['with a signature that is too short', `${head}.${body}.${signature.slice(0, 84)}`],
    ['with a signature that is too long', `${genuine}AAAA`],
    ['with the same signature in another spelling', `${head}.${body}.${otherLastCharacter(signature)}`],
    ['with a changed payload', `${head}.${encode({ ...payload, roles: ['operator'] })}.${signature}`],
    ['with white space', ` ${genuine}`],
    ['with a line break', `${genuine}\n`],
    ['that is too large', forge(HEADER, { ...payload, filler: 'x'.repeat(10_000) })],
    ['that is no JSON', `${Buffer.from('{').toString('base64url')}.${body}.${signature}`],
    ['that is empty', ''],
    ['of dots', '..'],
  ])('%s', (_why, token) => {
    expect(codeOf(token)).toBe('unauthenticated');
  });

  it('even if genuine, when another kind of token is asked for', () => {
    expect(decodeJws(genuine, 'passport+jwt')).toBeNull();
  });
});

describe('With an independent implementation', () => {
  it('our tokens hold for jose', async () => {
    const jwk = await importJWK({ ...toPublicJwk(key.publicKey), alg: 'ES256' });
    const verified = await jwtVerify(genuine, jwk, {
      issuer: ISSUER,
      audience: 'tenantry',
      typ: 'at+jwt',
      algorithms: ['ES256'],
      currentDate: new Date(NOW * 1_000),
    });
    expect(verified.payload).toEqual(payload);
    expect(verified.protectedHeader).toEqual(HEADER);
  });

  it('tokens of jose hold for us, in the one spelling that we believe', async () => {
    const token = await new SignJWT(payload).setProtectedHeader(HEADER).sign(key.privateKey);
    const [its = '', own = '', signed = ''] = token.split('.');
    const codes = [signed, mirrored(signed)].map((text) => codeOf(`${its}.${own}.${text}`));
    expect(codes.toSorted()).toEqual(['accepted', 'unauthenticated']);
  });

  it('keys survive the way through a JWK', () => {
    const throughJwk = fromPublicJwk(JSON.parse(JSON.stringify(toPublicJwk(key.publicKey))));
    expect(throughJwk.equals(key.publicKey)).toBe(true);
    const token = signJws(key, 'at+jwt', payload);
    expect(verifyAccessToken(token, { issuer: ISSUER, nowSeconds: NOW, keyOf: () => throughJwk })).toEqual(claims);
  });
});
