import type { Clock } from '@tenantry/kernel/clock.ts';
import { assemble } from '@tenantry/kit/import-manager.ts';
import { openService, type RunningService } from '@tenantry/kit/lifecycle/service.ts';
import type { UsersConfiguration } from './config.ts';
import { createPasswordHasher } from './keys/password-hasher.ts';
import { accessTokenKey } from './keys/signing-key.ts';
import { createMailer } from './mail/mailer.ts';
import { authRoutes } from './routes/auth.ts';
import { meRoutes } from './routes/me.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { userRoutes } from './routes/users.ts';
import { dueHandlers } from './schedule/due-handlers.ts';
import { createFailedGuesses } from './store/failed-guesses.ts';
import type { UsersTables } from './store/tables.ts';
import { seedPlatform } from './use-cases/seed-platform.ts';

export const openUsers = (
  configuration: UsersConfiguration,
  overrides: { readonly clock?: Clock; readonly redeliveryDelaysMs?: readonly number[] } = {},
): Promise<RunningService> =>
  openService<UsersTables, UsersConfiguration>({
    name: 'users',
    configuration,
    ...overrides,
    create: async (platform) => {
      const passwords = await createPasswordHasher();
      const deps = assemble(
        { ...platform, configuration, passwords },
        {
          signingKey: () => accessTokenKey(configuration.TENANTRY_MASTER_KEY),
          failedGuesses: () => createFailedGuesses(platform.databases.redis),
          mailer: () => createMailer(configuration.SMTP_URL, configuration.MAIL_FROM),
        },
      );
      return {
        routes: [...authRoutes(deps), ...meRoutes(deps), ...tenantRoutes(deps), ...userRoutes(deps)],
        subscriptions: [],
        due: await dueHandlers(deps),
        prepare: seedPlatform(deps),
        close: async () => deps.mailer.close(),
      };
    },
  });
