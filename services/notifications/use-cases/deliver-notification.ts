import { setTimeout as sleep } from 'node:timers/promises';
import { type BotId, idFromUuid, type NotificationId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { beginAttempt, concludeFailed, concludeSent, type Delivery, giveUp, readiness } from '../domain/delivery.ts';
import type { FailureCode } from '../domain/failure-code.ts';
import type { Locale } from '../domain/locale.ts';
import { type RenderedMessage, renderMessage } from '../domain/message.ts';
import { findActiveBot, updateBot } from '../store/bots.ts';
import { type ChatRoute, endLinksOfChat, findRoute } from '../store/links.ts';
import { deliveryOf, findNotification, lockNotification, saveDelivery } from '../store/notifications.ts';
import type { NotificationRow, NotificationsUnitOfWork } from '../store/tables.ts';
import { judgeFailure } from '../telegram/error-table.ts';
import { readBotSecret } from './bot-secrets.ts';
import type { NotificationsDeps } from './deps.ts';
import { auditEnded } from './receive-update.ts';

export type DeliveryStep = { readonly kind: 'done' } | { readonly kind: 'wait'; readonly waitMs: number };

const DONE: DeliveryStep = { kind: 'done' };
const wait = (waitMs: number): DeliveryStep => ({ kind: 'wait', waitMs });
const untilMs = (until: Temporal.Instant, now: Temporal.Instant): DeliveryStep =>
  wait(Math.max(until.epochMilliseconds - now.epochMilliseconds, 1));

/** A message with everything that its sending needs. */
type Departing = {
  readonly tenantId: TenantId;
  readonly notificationId: NotificationId;
  readonly route: ChatRoute;
  readonly locale: Locale;
};

type Deps = Pick<NotificationsDeps, 'databases' | 'clock' | 'logger' | 'telegram' | 'sendRate' | 'readLocale'> & {
  readonly random: () => number;
};

/** While PostgreSQL is away what Telegram said is only in our memory: worth some patience, or it would be said twice. */
const RECORD_DELAYS_MS = [100, 500, 2_000, 5_000];

/**
 * One attempt at one message. The attempt is written down before Telegram is called, and its outcome after: whoever
 * finds an attempt without an outcome knows that the message may have arrived.
 */
export const deliverNotification = (deps: Deps) => {
  const attempt = attemptDelivery(deps);
  return async (tenantId: TenantId, notificationId: NotificationId): Promise<DeliveryStep> => {
    const prepared = await deps.databases.withTenant(tenantId, (uow) => prepare(uow, notificationId));
    if (prepared.kind !== 'ready') return prepared;
    const { row, route } = prepared;
    const locale = row.locale ?? (await deps.readLocale(tenantId, idFromUuid('usr', row.user_id ?? '')));
    if (locale === null) {
      await deps.databases.withTenant(tenantId, (uow) => giveUpRow(uow, row, 'recipient-unknown'));
      return DONE;
    }
    const waitMs = await deps.sendRate.take({
      tenantId,
      botId: idFromUuid('bot', route.botUuid),
      chatId: route.chatId,
      notificationId,
      now: deps.clock.now(),
    });
    return waitMs > 0 ? wait(waitMs) : attempt({ tenantId, notificationId, route, locale });
  };
};

type Prepared = DeliveryStep | { readonly kind: 'ready'; readonly row: NotificationRow; readonly route: ChatRoute };

/** Is there something to send now, and to where? What cannot be sent anywhere ends here, visibly. */
async function prepare(uow: NotificationsUnitOfWork, notificationId: NotificationId): Promise<Prepared> {
  const row = await findNotification(uow, uuidOf(notificationId));
  if (row === undefined) return DONE;
  const state = readiness(deliveryOf(row), uow.now);
  if (state.kind === 'final') return DONE;
  if (state.kind === 'wait') return untilMs(state.until, uow.now);
  const route = await routeOf(uow, row);
  if (typeof route !== 'string') return { kind: 'ready', row, route };
  await giveUpRow(uow, row, route);
  return DONE;
}

async function routeOf(uow: NotificationsUnitOfWork, row: NotificationRow): Promise<ChatRoute | FailureCode> {
  if (row.chat_id === null || row.bot_id === null) {
    const route = await findRoute(uow, row.user_id ?? '', row.topic);
    return route === null ? 'no-linked-chat' : route.isBotRevoked ? 'bot-revoked' : route;
  }
  const bot = await findActiveBot(uow, row.bot_id);
  if (bot === undefined) return 'bot-removed';
  if (bot.status === 'revoked') return 'bot-revoked';
  return { botUuid: bot.id, chatId: row.chat_id, isBotRevoked: false };
}

async function giveUpRow(uow: NotificationsUnitOfWork, row: NotificationRow, reason: FailureCode): Promise<void> {
  const locked = await lockNotification(uow, row.id);
  if (locked === undefined || readiness(deliveryOf(locked), uow.now).kind !== 'ready') return;
  await saveDelivery(uow, row.id, giveUp(deliveryOf(locked), reason));
}

const attemptDelivery =
  (deps: Deps) =>
  async (departing: Departing): Promise<DeliveryStep> => {
    const { tenantId, route } = departing;
    const botId: BotId = idFromUuid('bot', route.botUuid);
    const secret = await readBotSecret(deps.databases.secrets, tenantId, botId);
    const begun = await deps.databases.withTenant(tenantId, (uow) => begin(uow, departing));
    if (begun.kind !== 'begun') return begun;
    const { delivery, message } = begun;
    if (secret === null)
      return conclude(deps, departing, (uow) => record(uow, departing, delivery, giveUp(delivery, 'bot-removed')));
    let messageId: bigint;
    try {
      messageId = await send(deps, departing, secret.token, message);
    } catch (error) {
      return concludeFailure(deps, departing, delivery, error);
    }
    return conclude(deps, departing, (uow) =>
      record(uow, departing, delivery, concludeSent(delivery), { message_id: messageId, sent_at: uow.now }),
    );
  };

type Begun = DeliveryStep | { readonly kind: 'begun'; readonly delivery: Delivery; readonly message: RenderedMessage };

async function begin(uow: NotificationsUnitOfWork, { notificationId, route, locale }: Departing): Promise<Begun> {
  const row = await lockNotification(uow, uuidOf(notificationId));
  if (row === undefined) return DONE;
  const before = deliveryOf(row);
  const state = readiness(before, uow.now);
  if (state.kind === 'final') return DONE;
  if (state.kind === 'wait') return untilMs(state.until, uow.now);
  const delivery = beginAttempt(before, uow.now);
  const message = renderMessage(row.content, locale, delivery.uncertain > 0);
  await saveDelivery(uow, row.id, delivery, { bot_id: route.botUuid, text: message.plain });
  return { kind: 'begun', delivery, message };
}

/** With markup; as plain text when Telegram cannot read ours, so that a mistake in a template costs no message. */
async function send(deps: Deps, departing: Departing, token: string, message: RenderedMessage): Promise<bigint> {
  const { chatId } = departing.route;
  try {
    return await deps.telegram.sendMessage(token, { chatId, text: message.html, parseMode: 'HTML' });
  } catch (error) {
    if (judgeFailure(error)?.kind !== 'plain-text') throw error;
    deps.logger.error({ err: error, notificationId: departing.notificationId }, 'Telegram cannot read our markup');
    return deps.telegram.sendMessage(token, { chatId, text: message.plain, parseMode: null });
  }
}

async function concludeFailure(
  deps: Deps,
  departing: Departing,
  delivery: Delivery,
  error: unknown,
): Promise<DeliveryStep> {
  const verdict = judgeFailure(error);
  if (verdict === null) throw error;
  const { tenantId, notificationId, route } = departing;
  const jitter = deps.random();
  deps.logger.warn({ err: error, tenantId, notificationId, verdict: verdict.kind }, 'a message was not sent');
  if (verdict.kind === 'wait' && verdict.holdsBot) {
    const period = { now: deps.clock.now(), seconds: verdict.seconds };
    await deps.sendRate.hold(tenantId, idFromUuid('bot', route.botUuid), period);
  }
  return conclude(deps, departing, async (uow) => {
    const after = concludeFailed(delivery, verdict, uow.now, jitter);
    if (verdict.kind === 'drop-link') {
      const because = verdict.reason === 'chat-blocked' ? 'blocked' : 'unreachable';
      await auditEnded(uow, await endLinksOfChat(uow, route, because));
    }
    if (verdict.kind === 'revoke-bot') await updateBot(uow, route.botUuid, { status: 'revoked' });
    return record(uow, departing, delivery, after);
  });
}

/**
 * Only while the attempt is still ours: once its lease has lapsed somebody else may be at it, and what we learnt late
 * must not send it back. That it arrived is true whoever says so.
 */
async function record(
  uow: NotificationsUnitOfWork,
  { notificationId }: Departing,
  begun: Delivery,
  after: Delivery,
  more: Partial<Pick<NotificationRow, 'message_id' | 'sent_at'>> = {},
): Promise<DeliveryStep> {
  const row = await lockNotification(uow, uuidOf(notificationId));
  const isOurs = row?.status === 'sending' && row.attempts === begun.attempts;
  if (row === undefined || row.status === 'sent' || (!isOurs && after.status !== 'sent')) return DONE;
  await saveDelivery(uow, row.id, after, more);
  return after.notBefore === null ? DONE : untilMs(after.notBefore, uow.now);
}

async function conclude(
  deps: Deps,
  { tenantId }: Departing,
  work: (uow: NotificationsUnitOfWork) => Promise<DeliveryStep>,
): Promise<DeliveryStep> {
  for (const delayMs of RECORD_DELAYS_MS) {
    try {
      return await deps.databases.withTenant(tenantId, work);
    } catch (error) {
      deps.logger.warn({ err: error, tenantId }, 'the outcome of a message could not be recorded yet');
      await sleep(delayMs);
    }
  }
  return deps.databases.withTenant(tenantId, work);
}
