import { currentTraceparent, traceIdOf } from '@tenantry/kernel/call-context.ts';
import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Nothing that can be used to act as somebody is ever written. */
const REDACTED = [
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'secret',
  'authorization',
  'serverKey',
  '*.password',
  '*.token',
  '*.accessToken',
  '*.refreshToken',
  '*.secret',
  '*.authorization',
  '*.serverKey',
  'headers.authorization',
  'headers["tenantry-passport"]',
];

export const createLogger = (options: { service: string; instanceId: string; level: string }): Logger =>
  pino({
    level: options.level,
    base: { service: options.service, instance: options.instanceId },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[redacted]' },
    mixin: () => ({ traceId: traceIdOf(currentTraceparent()) }),
  });
