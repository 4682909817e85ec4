import { readSessionStanding } from '@tenantry/contract/session-standing.ts';
import { newId, PLATFORM_TENANT_ID, type SessionId, type TenantId } from '@tenantry/kernel/id.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATOR_PASSWORD, openWorld, type World } from '../../../tests/support/world.ts';
import { login } from '../contract/auth.ts';
import { endSession } from '../contract/me.ts';

let world: World;

beforeAll(async () => {
  world = await openWorld({ services: ['users'] });
});
afterAll(() => world.close());

const standingOf = async (sessionId: SessionId, tenantId: TenantId = PLATFORM_TENANT_ID) =>
  (await world.callAsService('gateway', readSessionStanding, { params: { sessionId } }, tenantId)).body;

async function signIn(): Promise<{ userId: `usr_${string}`; sessionId: SessionId }> {
  const { body } = await world.call(
    login,
    { body: { tenant: 'platform', email: 'operator@tenantry.local', password: OPERATOR_PASSWORD } },
    null,
  );
  const claims = JSON.parse(Buffer.from(body.accessToken.split('.')[1] ?? '', 'base64url').toString());
  return { userId: body.user.id, sessionId: claims.sid };
}

describe('Whether a session still stands', () => {
  it('is true until it ends, by being ended or by its age', async () => {
    const { userId, sessionId } = await signIn();
    expect(await standingOf(sessionId)).toEqual({ standing: 'valid' });
    const me = world.principal(PLATFORM_TENANT_ID, ['owner'], userId);
    expect((await world.call(endSession, { params: { sessionId } }, me)).status).toBe(204);
    expect(await standingOf(sessionId)).toEqual({ standing: 'revoked' });
    const old = await signIn();
    world.clock.advance({ days: 400 });
    expect(await standingOf(old.sessionId)).toEqual({ standing: 'revoked' });
  });

  it('is false for what does not exist, and for what is another tenant’s', async () => {
    expect(await standingOf(newId('ses'))).toEqual({ standing: 'revoked' });
    const { sessionId } = await signIn();
    expect(await standingOf(sessionId, newId('ten'))).toEqual({ standing: 'revoked' });
  });

  it('is no business of users', async () => {
    const { userId, sessionId } = await signIn();
    const me = world.principal(PLATFORM_TENANT_ID, ['owner', 'operator'], userId);
    expect((await world.call(readSessionStanding, { params: { sessionId } }, me)).status).toBe(404);
  });
});
