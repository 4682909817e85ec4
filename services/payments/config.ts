import { CommonConfiguration, defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { Type } from 'typebox';

export const paymentsConfiguration = defineConfiguration(
  'payments',
  Type.Object({
    ...CommonConfiguration,
    ...StoreConfiguration,
    PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8023, description: 'Port to listen on' }),
    MIDTRANS_URL: Type.String({
      default: 'https://api.sandbox.midtrans.com',
      description: 'Core API for tenants with sandbox credentials',
    }),
    MIDTRANS_PRODUCTION_URL: Type.String({
      default: 'https://api.midtrans.com',
      description: 'Core API for tenants with production credentials',
    }),
  }),
);

export type PaymentsConfiguration = ReturnType<typeof paymentsConfiguration.read>;

export const readPaymentsConfiguration = paymentsConfiguration.read;
