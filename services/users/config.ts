import { SecretText, ServerUrl } from '@tenantry/kit/configuration/secrecy.ts';
import { CommonConfiguration, defineConfiguration, StoreConfiguration } from '@tenantry/kit/configuration.ts';
import { Type } from 'typebox';

export const usersConfiguration = defineConfiguration(
  'users',
  Type.Object({
    ...CommonConfiguration,
    ...StoreConfiguration,
    PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 8021, description: 'Port to listen on' }),
    SMTP_URL: ServerUrl({ minLength: 1, description: 'smtp://host:port of the mail server' }),
    MAIL_FROM: Type.String({ default: 'Tenantry <no-reply@tenantry.local>', description: 'Sender of security mail' }),
    TENANTRY_OPERATOR_EMAIL: Type.String({
      default: 'operator@tenantry.local',
      description: 'First operator of the platform',
    }),
    TENANTRY_OPERATOR_PASSWORD: SecretText({ minLength: 8, description: 'Password of the first operator' }),
  }),
);

export type UsersConfiguration = ReturnType<typeof usersConfiguration.read>;

export const readUsersConfiguration = usersConfiguration.read;
