import { ACCESS_TOKEN_LIFE_SECONDS } from '@tenantry/auth/buckets.ts';
import type { SessionId } from '@tenantry/kernel/id.ts';
import { type Route, serve, servePublic } from '@tenantry/kit/http/route.ts';
import * as contract from '../contract/auth.ts';
import type { UsersDeps } from '../deps.ts';
import { toPublishedKey } from '../keys/signing-key.ts';
import { endSession } from '../use-cases/end-session.ts';
import { login } from '../use-cases/login.ts';
import type { Tokens } from '../use-cases/mint-tokens.ts';
import { refreshSession } from '../use-cases/refresh-session.ts';
import { registerUser } from '../use-cases/register-user.ts';
import { verifyAccount } from '../use-cases/verify-account.ts';
import { toUserView } from './views.ts';

const toTokensView = (tokens: Tokens) => ({
  accessToken: tokens.accessToken,
  refreshToken: tokens.refreshToken,
  tokenType: 'Bearer' as const,
  expiresIn: ACCESS_TOKEN_LIFE_SECONDS,
  user: toUserView(tokens.user),
});

export const authRoutes = (deps: UsersDeps): Route[] => [
  servePublic(contract.register, async ({ body }) => {
    await registerUser(deps)(body);
    return { status: 'accepted' as const, detail: 'If this address can be registered, a message is on its way to it.' };
  }),
  servePublic(contract.verifyAccount, async ({ body }) => {
    await verifyAccount(deps)(body.token);
    return { status: 'active' as const };
  }),
  servePublic(contract.login, async ({ body, clientAddress }) => toTokensView(await login(deps)(body, clientAddress))),
  servePublic(contract.refresh, async ({ body }) => toTokensView(await refreshSession(deps)(body.refreshToken))),
  serve(contract.logout, async ({ principal }) => {
    if (principal.sessionId !== null) await endSession(deps)(principal, principal.sessionId as SessionId);
    return undefined;
  }),
  servePublic(contract.jwks, async () => ({
    keys: deps.accessTokenKeys.map((key) => ({ ...toPublishedKey(key), use: 'sig' as const, alg: 'ES256' as const })),
  })),
];
