import { CommonConfiguration, defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { Type } from 'typebox';

export const subscriptionsConfiguration = defineConfiguration(
  'subscriptions',
  Type.Object({
    ...CommonConfiguration,
    ...StoreConfiguration,
    PORT: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      default: 8022,
      description: 'Port to listen on; 0 takes a free one',
    }),
    SUBSCRIPTION_GRACE_DAYS: Type.Integer({
      minimum: 1,
      maximum: 60,
      default: 7,
      description: 'How long features go on while a renewal is not paid',
    }),
  }),
);
export type SubscriptionsConfiguration = ReturnType<typeof subscriptionsConfiguration.read>;

export const readSubscriptionsConfiguration = subscriptionsConfiguration.read;
