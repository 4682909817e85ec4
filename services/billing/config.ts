import { CommonConfiguration, readConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { type Static, Type } from 'typebox';

const days = (description: string, byDefault: number) =>
  Type.Integer({ minimum: 0, maximum: 365, default: byDefault, description });

export const BillingConfigurationSchema = Type.Object({
  ...CommonConfiguration,
  ...StoreConfiguration,
  PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 8025,
    description: 'Port to listen on; 0 takes a free one',
  }),
  INVOICE_TERM_DAYS: days('Days until an invoice finalised by hand is due', 14),
  COLLECTION_TERM_DAYS: days('Days until an invoice that a subscription collects is due', 1),
});

export type BillingConfiguration = Static<typeof BillingConfigurationSchema>;

export const readBillingConfiguration = (environment: NodeJS.ProcessEnv = process.env): BillingConfiguration =>
  readConfiguration(BillingConfigurationSchema, environment);
