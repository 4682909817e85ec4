import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, LocaleSchema, SlugSchema } from '@tenantry/contract/schemas.ts';
import { tenantSuspended } from '@tenantry/kernel/problems.ts';
import { Type } from 'typebox';
import {
  accountNotReady,
  invalidCredentials,
  invalidRefreshToken,
  invalidToken,
  tenantNotFound,
  weakPassword,
} from '../problems.ts';
import { NewUserFields, UserView } from './schemas.ts';

const TokensView = Closed({
  accessToken: Type.String(),
  refreshToken: Type.String(),
  tokenType: Type.Literal('Bearer'),
  /** Seconds. */
  expiresIn: Type.Integer(),
  user: UserView,
});

/** For the endpoints at which something could be guessed. Per client address. */
const GUESSABLE = { limit: 600, windowSeconds: 60 };

export const register = endpoint({
  name: 'users.register',
  method: 'POST',
  path: '/v1/auth/register',
  summary: 'Sign up; the answer is the same whether or not the e-mail address is known',
  access: 'public',
  status: 202,
  body: Closed({ tenant: SlugSchema, ...NewUserFields, locale: Type.Optional(LocaleSchema) }),
  response: Closed({ status: Type.Literal('accepted'), detail: Type.String() }),
  problems: [tenantNotFound, tenantSuspended, weakPassword],
  rateLimit: GUESSABLE,
  example: {
    body: { tenant: 'acme', email: 'budi@example.com', password: 'correct horse battery', name: 'Budi', locale: 'id' },
  },
});

export const verifyAccount = endpoint({
  name: 'users.verify-account',
  method: 'POST',
  path: '/v1/auth/verify',
  summary: 'Prove the e-mail address with the token from the verification mail',
  access: 'public',
  body: Closed({ token: Type.String({ minLength: 1, maxLength: 200 }) }),
  response: Closed({ status: Type.Literal('active') }),
  problems: [invalidToken],
  rateLimit: GUESSABLE,
  example: { body: { token: 'vt_01h455vb4pex5vsknk084sn02q_AAAAAAAAAAAAAAAAAAAAAA' } },
});

export const login = endpoint({
  name: 'users.login',
  method: 'POST',
  path: '/v1/auth/login',
  summary: 'Sign in with e-mail and password',
  access: 'public',
  body: Closed({
    tenant: SlugSchema,
    email: Type.String({ minLength: 1, maxLength: 254 }),
    password: Type.String({ minLength: 1, maxLength: 256 }),
  }),
  response: TokensView,
  problems: [invalidCredentials, accountNotReady, tenantSuspended],
  rateLimit: GUESSABLE,
  example: { body: { tenant: 'acme', email: 'budi@example.com', password: 'correct horse battery' } },
});

export const refresh = endpoint({
  name: 'users.refresh',
  method: 'POST',
  path: '/v1/auth/refresh',
  summary: 'Trade a refresh token for new tokens; each works once, and a second use ends the session',
  access: 'public',
  body: Closed({ refreshToken: Type.String({ minLength: 1, maxLength: 200 }) }),
  response: TokensView,
  problems: [invalidRefreshToken],
  rateLimit: GUESSABLE,
  example: { body: { refreshToken: 'rt_01h455vb4pex5vsknk084sn02q_AAAAAAAAAAAAAAAAAAAAAA' } },
});

export const logout = endpoint({
  name: 'users.logout',
  method: 'POST',
  path: '/v1/auth/logout',
  summary: 'End the session of this access token',
  permission: 'session:end',
  reach: 'own',
});

export const jwks = endpoint({
  name: 'users.jwks',
  method: 'GET',
  path: '/.well-known/jwks.json',
  summary: 'Public keys of our access tokens (RFC 7517)',
  access: 'public',
  response: Closed({
    keys: Type.Array(
      Closed({
        kty: Type.Literal('EC'),
        crv: Type.Literal('P-256'),
        x: Type.String(),
        y: Type.String(),
        kid: Type.String(),
        use: Type.Literal('sig'),
        alg: Type.Literal('ES256'),
      }),
    ),
  }),
});
