import type { SigningKey } from '@tenantry/auth/jws.ts';
import type { Platform } from '@tenantry/kit/lifecycle/service.ts';
import type { UsersConfiguration } from './config.ts';
import type { PasswordHasher } from './keys/password-hasher.ts';
import type { AccessTokenKeys } from './keys/signing-key.ts';
import type { Mailer } from './mail/mailer.ts';
import type { FailedGuesses } from './store/failed-guesses.ts';
import type { UsersTables } from './store/tables.ts';

/** What the use cases of this service are built from. */
export type UsersDeps = Platform<UsersTables> & {
  readonly configuration: UsersConfiguration;
  readonly signingKey: SigningKey;
  /** What verifies the access tokens that are about: `signingKey` first. */
  readonly accessTokenKeys: AccessTokenKeys;
  readonly passwords: PasswordHasher;
  readonly mailer: Mailer;
  readonly failedGuesses: FailedGuesses;
};
