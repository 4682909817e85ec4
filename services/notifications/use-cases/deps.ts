import type { Databases } from '@tenantry/databases/factory.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import type { TenantId, UserId } from '@tenantry/kernel/id.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { Locale } from '../domain/locale.ts';
import type { SendQueue } from '../queue/send-queue.ts';
import type { SendRate } from '../queue/send-rate.ts';
import type { NotificationsTables } from '../store/tables.ts';
import type { TelegramClient } from '../telegram/client.ts';

/** In which language somebody is written to; null when there is no such person (any more). */
export type ReadLocale = (tenantId: TenantId, userId: UserId) => Promise<Locale | null>;

export type NotificationsDeps = {
  readonly databases: Databases<NotificationsTables>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telegram: TelegramClient;
  readonly sendQueue: SendQueue;
  readonly sendRate: SendRate;
  readonly readLocale: ReadLocale;
  readonly publicUrl: string;
};

/** Kinds of rows in `due`. */
export const DUE = {
  sendNotification: 'notification:send',
  setBotWebhook: 'bot:webhook',
  removeBotRemains: 'bot:removal',
} as const;
