import { CommonConfiguration, defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { Type } from 'typebox';

const days = (description: string, byDefault: number) =>
  Type.Integer({ minimum: 0, maximum: 365, default: byDefault, description });

export const billingConfiguration = defineConfiguration(
  'billing',
  Type.Object({
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
  }),
);

export type BillingConfiguration = ReturnType<typeof billingConfiguration.read>;

export const readBillingConfiguration = billingConfiguration.read;
