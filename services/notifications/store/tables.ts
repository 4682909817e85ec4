import type { TenantReader, TenantUnitOfWork } from '@tenantry/databases/unit-of-work.ts';
import type { NotificationStatus } from '../domain/delivery.ts';
import type { FailureCode } from '../domain/failure-code.ts';
import type { Locale } from '../domain/locale.ts';
import type { MessageContent } from '../domain/message.ts';

export type BotStatus = 'healthy' | 'degraded' | 'paused' | 'revoked';
export type LinkEnd = 'stopped' | 'blocked' | 'unreachable' | 'replaced' | 'bot-removed';

/** The tables of migrations/0001_notifications.sql. */
export type NotificationsTables = {
  bots: {
    tenant_id: string;
    id: string;
    telegram_id: bigint;
    username: string;
    purpose: string;
    status: BotStatus;
    webhook_set_at: Temporal.Instant | null;
    removed_at: Temporal.Instant | null;
    created_at: Temporal.Instant;
  };
  telegram_links: {
    tenant_id: string;
    id: string;
    bot_id: string;
    user_id: string;
    chat_id: bigint;
    linked_at: Temporal.Instant;
    ended_at: Temporal.Instant | null;
    ended_because: LinkEnd | null;
  };
  telegram_link_codes: {
    tenant_id: string;
    code_hash: string;
    bot_id: string;
    user_id: string;
    expires_at: Temporal.Instant;
    used_at: Temporal.Instant | null;
  };
  telegram_updates: { tenant_id: string; bot_id: string; update_id: bigint; received_at: Temporal.Instant };
  notifications: {
    tenant_id: string;
    id: string;
    user_id: string | null;
    topic: string;
    subject: string | null;
    content: MessageContent;
    locale: Locale | null;
    bot_id: string | null;
    chat_id: bigint | null;
    status: NotificationStatus;
    attempts: number;
    uncertain: number;
    not_before: Temporal.Instant | null;
    leased_until: Temporal.Instant | null;
    failure: FailureCode | null;
    text: string | null;
    message_id: bigint | null;
    created_at: Temporal.Instant;
    sent_at: Temporal.Instant | null;
  };
};

export type BotRow = NotificationsTables['bots'];
export type LinkRow = NotificationsTables['telegram_links'];
export type NotificationRow = NotificationsTables['notifications'];
export type NotificationsUnitOfWork = TenantUnitOfWork<NotificationsTables>;
export type NotificationsReader = TenantReader<NotificationsTables>;
