import { issueAccessToken } from '@tenantry/auth/access-token.ts';
import { ACCESS_TOKEN_LIFE_SECONDS } from '@tenantry/auth/buckets.ts';
import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { UsersDeps } from '../deps.ts';
import { hashOpaqueToken, mintOpaqueToken } from '../keys/opaque-token.ts';
import { insertRefreshToken } from '../store/sessions.ts';
import type { UserRow, UsersUnitOfWork } from '../store/tables.ts';

export type Tokens = { readonly accessToken: string; readonly refreshToken: string; readonly user: UserRow };

/** New tokens of a session, as part of the caller's transaction. The access token carries the roles of this moment. */
export async function mintTokens(
  uow: UsersUnitOfWork,
  { signingKey, configuration }: Pick<UsersDeps, 'signingKey' | 'configuration'>,
  user: UserRow,
  sessionUuid: string,
): Promise<Tokens> {
  const refreshToken = mintOpaqueToken('rt', uow.tenantId);
  await insertRefreshToken(uow, hashOpaqueToken(refreshToken), sessionUuid);
  // The machine's clock, not the unit of work's: a gateway compares with its own, also while a test clock runs ahead.
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const accessToken = issueAccessToken(signingKey, configuration.PUBLIC_URL, {
    tenantId: uow.tenantId,
    userId: idFromUuid('usr', user.id),
    sessionId: idFromUuid('ses', sessionUuid),
    roles: user.roles,
    issuedAtSeconds: nowSeconds,
    expiresAtSeconds: nowSeconds + ACCESS_TOKEN_LIFE_SECONDS,
  });
  return { accessToken, refreshToken, user };
}
