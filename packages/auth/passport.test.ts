import { newId } from '@tenantry/kernel/id.ts';
import { jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { generateSigningKey, signJws } from './jws.ts';
import { type Issuer, issuePassport, PASSPORT_LIFE_SECONDS, passportIssuerId, verifyPassport } from './passport.ts';
import { type Principal, servicePrincipal } from './principal.ts';

const NOW = 1_800_000_000;
const gatewayKey = generateSigningKey('gateway-1');
const billingKey = generateSigningKey('billing-1');
const gateway: Issuer = { service: 'gateway', key: gatewayKey.publicKey };
const billing: Issuer = { service: 'billing', key: billingKey.publicKey };

const user: Principal = {
  kind: 'user',
  tenantId: newId('ten'),
  id: newId('usr'),
  grants: ['*:*@own'],
  roles: ['member'],
  sessionId: newId('ses'),
  onBehalfOf: null,
};
const service = servicePrincipal('billing', user.tenantId, user.id);
const claims = {
  tid: user.tenantId,
  kind: 'user',
  sub: user.id,
  grants: user.grants,
  roles: user.roles,
  sid: user.sessionId,
  obo: null,
  iat: NOW,
  exp: NOW + 30,
};

describe('A passport', () => {
  it('of a user comes from a gateway and says everything about the principal', () => {
    const token = issuePassport(gatewayKey, user, NOW);
    expect(passportIssuerId(token)).toBe('gateway-1');
    expect(verifyPassport(token, gateway, NOW)).toEqual({ principal: user, expiresAtSeconds: NOW + 30 });
  });

  it('of a service comes from itself and says for whom it acts', () => {
    const token = issuePassport(billingKey, service, NOW);
    expect(verifyPassport(token, billing, NOW)?.principal).toEqual(service);
  });

  it('lives for 30 seconds and not one more, however long its maker wishes', () => {
    const token = issuePassport(gatewayKey, user, NOW, NOW + 3_600);
    expect(verifyPassport(token, gateway, NOW + PASSPORT_LIFE_SECONDS - 1)).not.toBeNull();
    expect(verifyPassport(token, gateway, NOW + PASSPORT_LIFE_SECONDS)).toBeNull();
  });

  it('ends with the access token that it was made for', () => {
    const token = issuePassport(gatewayKey, user, NOW, NOW + 3);
    expect(verifyPassport(token, gateway, NOW + 2)?.expiresAtSeconds).toBe(NOW + 3);
    expect(verifyPassport(token, gateway, NOW + 3)).toBeNull();
  });

  it('is a JWS that jose verifies', async () => {
    const token = issuePassport(gatewayKey, user, NOW);
    const verified = await jwtVerify(token, gatewayKey.publicKey, {
      currentDate: new Date(NOW * 1_000),
      typ: 'passport+jwt',
    });
    expect(verified.payload).toEqual(claims);
  });
});

const sign = (payload: object, typ = 'passport+jwt') => signJws(gatewayKey, typ, payload as Record<string, unknown>);

describe('A passport does not hold', () => {
  it('when a service pretends to be a user', () => {
    expect(verifyPassport(issuePassport(billingKey, user, NOW), billing, NOW)).toBeNull();
  });

  it('when a service pretends to be another, or a gateway to be a service', () => {
    const payments = servicePrincipal('payments', user.tenantId);
    expect(verifyPassport(issuePassport(billingKey, payments, NOW), billing, NOW)).toBeNull();
    expect(verifyPassport(issuePassport(gatewayKey, payments, NOW), gateway, NOW)).toBeNull();
  });

  it('when somebody else signed it', () => {
    expect(verifyPassport(issuePassport(billingKey, user, NOW), gateway, NOW)).toBeNull();
  });

  it.each<readonly [why: string, payload: object]>([
    ['it would live longer than 30 seconds', { ...claims, exp: NOW + 31 }],
    ['it would live for ever by beginning long ago', { ...claims, iat: NOW - 100, exp: NOW + 1 }],
    ['it is from the future', { ...claims, iat: NOW + 6, exp: NOW + 30 }],
    ['it does not say when it ends', { ...claims, exp: undefined }],
    ['it does not say when it began', { ...claims, iat: undefined }],
    ['it says so in text', { ...claims, exp: String(NOW + 30) }],
    ['its kind is unknown', { ...claims, kind: 'operator' }],
    ['it has no kind', { ...claims, kind: undefined }],
    ['its tenant is none', { ...claims, tid: 'acme' }],
    ['its tenant is a user', { ...claims, tid: user.id }],
    ['its subject is missing', { ...claims, sub: undefined }],
    ['its grants are no list', { ...claims, grants: '*:*@platform' }],
    ['its grants are no texts', { ...claims, grants: [1] }],
    ['its roles are missing', { ...claims, roles: undefined }],
    ['its session is a number', { ...claims, sid: 1 }],
    ['on whose behalf it acts is an object', { ...claims, obo: {} }],
  ])('when %s', (_why, payload) => {
    expect(verifyPassport(sign(claims), gateway, NOW)).not.toBeNull();
    expect(verifyPassport(sign(payload), gateway, NOW)).toBeNull();
  });

  it('when it is another kind of token', () => {
    expect(verifyPassport(sign(claims, 'at+jwt'), gateway, NOW)).toBeNull();
    expect(passportIssuerId(sign(claims, 'at+jwt'))).toBeNull();
  });
});
