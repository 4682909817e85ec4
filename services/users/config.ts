import { CommonConfiguration, readConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { type Static, Type } from 'typebox';

export const UsersConfigurationSchema = Type.Object({
  ...CommonConfiguration,
  ...StoreConfiguration,
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8021 }),
  SMTP_URL: Type.String({ minLength: 1, description: 'smtp://host:port of the mail server' }),
  MAIL_FROM: Type.String({ default: 'Tenantry <no-reply@tenantry.local>', description: 'Sender of security mail' }),
  TENANTRY_OPERATOR_EMAIL: Type.String({
    default: 'operator@tenantry.local',
    description: 'First operator of the platform',
  }),
  TENANTRY_OPERATOR_PASSWORD: Type.String({ minLength: 8, description: 'Password of the first operator' }),
});

export type UsersConfiguration = Static<typeof UsersConfigurationSchema>;

export const readUsersConfiguration = (environment: NodeJS.ProcessEnv = process.env): UsersConfiguration =>
  readConfiguration(UsersConfigurationSchema, environment);
