import { CommonConfiguration, defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { Type } from 'typebox';

export const notificationsConfiguration = defineConfiguration(
  'notifications',
  Type.Object({
    ...CommonConfiguration,
    ...StoreConfiguration,
    PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8024, description: 'Port to listen on' }),
    TELEGRAM_URL: Type.String({
      default: 'https://api.telegram.org',
      pattern: '^https?://[^/]+$',
      description: 'Root of the Bot API',
    }),
  }),
);

export type NotificationsConfiguration = ReturnType<typeof notificationsConfiguration.read>;

export const readNotificationsConfiguration = notificationsConfiguration.read;
