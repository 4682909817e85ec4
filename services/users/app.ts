import { assemble } from '@tenantry/kit/import-manager/assemble.ts';
import { singleton } from '@tenantry/kit/import-manager/part.ts';
import { openService, type RunningService, type ServiceOverrides } from '@tenantry/kit/lifecycle/service.ts';
import type { UsersConfiguration } from './config.ts';
import { registrationConsumers } from './consumers/registrations.ts';
import { createPasswordHasher } from './keys/password-hasher.ts';
import { accessTokenKeys } from './keys/signing-key.ts';
import { createMailer, type Mailer } from './mail/mailer.ts';
import { authRoutes } from './routes/auth.ts';
import { meRoutes } from './routes/me.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { userRoutes } from './routes/users.ts';
import { dueHandlers } from './schedule/due-handlers.ts';
import { createFailedGuesses } from './store/failed-guesses.ts';
import type { UsersTables } from './store/tables.ts';
import { seedPlatform } from './use-cases/seed-platform.ts';

const SMTP = {
  name: 'smtp',
  isCritical: false,
  degradedMode: 'Mails wait as rows and are sent when the mail server is back.',
} as const;

export const openUsers = (
  configuration: UsersConfiguration,
  overrides: ServiceOverrides = {},
): Promise<RunningService> =>
  openService<UsersTables, UsersConfiguration>({
    name: 'users',
    configuration,
    ...overrides,
    create: async (platform) => {
      const keys = accessTokenKeys(configuration.TENANTRY_MASTER_KEY);
      const { parts, close } = await assemble(
        { ...platform, configuration },
        {
          passwords: singleton([], createPasswordHasher),
          accessTokenKeys: () => keys,
          signingKey: () => keys[0],
          failedGuesses: () => createFailedGuesses(platform.databases.redis),
          mailer: singleton(
            [],
            () => {
              const mailer: Mailer = createMailer({
                url: configuration.SMTP_URL,
                from: configuration.MAIL_FROM,
                monitor: platform.dependencies.declare(SMTP, { probe: () => mailer.greet() }),
                onTransition: (transition) => platform.dependencies.breakerMoved(SMTP.name, transition),
              });
              return mailer;
            },
            (mailer) => mailer.close(),
          ),
        },
      );
      return {
        routes: [...authRoutes(parts), ...meRoutes(parts), ...tenantRoutes(parts), ...userRoutes(parts)],
        subscriptions: registrationConsumers(),
        due: await dueHandlers(parts),
        prepare: seedPlatform(parts),
        close,
      };
    },
  });
