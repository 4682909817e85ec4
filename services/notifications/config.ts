import { CommonConfiguration, readConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { type Static, Type } from 'typebox';

export const NotificationsConfigurationSchema = Type.Object({
  ...CommonConfiguration,
  ...StoreConfiguration,
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8024, description: 'Port to listen on' }),
  TELEGRAM_URL: Type.String({
    default: 'https://api.telegram.org',
    pattern: '^https?://[^/]+$',
    description: 'Root of the Bot API',
  }),
});

export type NotificationsConfiguration = Static<typeof NotificationsConfigurationSchema>;

export const readNotificationsConfiguration = (
  environment: NodeJS.ProcessEnv = process.env,
): NotificationsConfiguration => readConfiguration(NotificationsConfigurationSchema, environment);
