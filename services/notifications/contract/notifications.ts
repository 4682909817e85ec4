import { endpoint } from '@tenantry/contract/endpoint.ts';
import { Closed, IdSchema, InstantSchema, OneOf, PageOf, PageQuery } from '@tenantry/contract/schemas.ts';
import { Type } from 'typebox';
import {
  botNotFound,
  botTaken,
  botTokenRefused,
  noBot,
  purposeTaken,
  telegramUnavailable,
  webhookRefused,
} from '../problems.ts';

const BotView = Closed({
  id: IdSchema('bot'),
  username: Type.String(),
  purpose: Type.String(),
  status: Type.Union([
    Type.Literal('healthy'),
    Type.Literal('degraded'),
    Type.Literal('paused'),
    Type.Literal('revoked'),
  ]),
  createdAt: InstantSchema,
});
const BotParams = Closed({ botId: IdSchema('bot') });
const EXAMPLE_BOT = { botId: 'bot_01h455vb4pex5vsknk084sn02q' };

/** Asks Telegram who the token is, keeps it as a secret, and points the bot's webhook at us. The token is never shown. */
export const createBot = endpoint({
  name: 'notifications.create-bot',
  method: 'POST',
  path: '/v1/bots',
  summary: 'Register a Telegram bot of this tenant',
  permission: 'bot:create',
  reach: 'tenant',
  status: 201,
  idempotency: true,
  body: Closed({
    token: Type.String({ pattern: '^[1-9][0-9]{0,15}:[A-Za-z0-9_-]{30,64}$', description: 'As @BotFather gives it' }),
    purpose: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,30}$', default: 'default' })),
  }),
  response: BotView,
  problems: [botTokenRefused, botTaken, purposeTaken, telegramUnavailable],
  example: { body: { token: '123456789:AAExampleExampleExampleExampleExample', purpose: 'default' } },
});

export const listBots = endpoint({
  name: 'notifications.list-bots',
  method: 'GET',
  path: '/v1/bots',
  summary: 'The bots of this tenant',
  permission: 'bot:read',
  reach: 'tenant',
  query: PageQuery,
  response: PageOf(BotView),
});

export const readBotHealth = endpoint({
  name: 'notifications.read-bot-health',
  method: 'GET',
  path: '/v1/bots/:botId/health',
  summary: 'How a bot is doing: asked of Telegram now',
  permission: 'bot:read',
  reach: 'tenant',
  params: BotParams,
  response: Closed({
    status: BotView.properties.status,
    pendingUpdates: Type.Integer(),
    lastErrorMessage: Type.Union([Type.String(), Type.Null()]),
    lastSentAt: Type.Union([InstantSchema, Type.Null()]),
  }),
  problems: [botNotFound, telegramUnavailable],
  example: { params: EXAMPLE_BOT },
});

export const deleteBot = endpoint({
  name: 'notifications.delete-bot',
  method: 'DELETE',
  path: '/v1/bots/:botId',
  summary: 'Remove a bot: its webhook, its token, its links',
  permission: 'bot:delete',
  reach: 'tenant',
  params: BotParams,
  problems: [botNotFound],
  example: { params: EXAMPLE_BOT },
});

/** One-time, bound to the user and the bot, valid for 15 minutes. */
export const createTelegramLink = endpoint({
  name: 'notifications.create-telegram-link',
  method: 'POST',
  path: '/v1/me/telegram-links',
  summary: 'A link that connects my Telegram chat when I open it',
  permission: 'telegram-link:create',
  reach: 'own',
  status: 201,
  response: Closed({ url: Type.String(), expiresAt: InstantSchema }),
  problems: [noBot],
});

export const NotificationView = Closed({
  id: IdSchema('ntf'),
  userId: IdSchema('usr'),
  topic: Type.String(),
  channel: Type.Literal('telegram'),
  status: OneOf(['queued', 'sending', 'sent', 'suppressed', 'dead']),
  text: Type.Union([Type.String(), Type.Null()]),
  attempts: Type.Integer(),
  failure: Type.Union([Type.String(), Type.Null()]),
  createdAt: InstantSchema,
  sentAt: Type.Union([InstantSchema, Type.Null()]),
});

export const listNotifications = endpoint({
  name: 'notifications.list-notifications',
  method: 'GET',
  path: '/v1/notifications',
  summary: 'Messages, newest first: my own, or the tenant’s',
  permission: 'notification:read',
  reach: 'own',
  query: PageQuery,
  response: PageOf(NotificationView),
});

/** Telegram's Update; it gains fields all the time, so this body alone is open. */
export const telegramWebhook = endpoint({
  name: 'notifications.telegram-webhook',
  method: 'POST',
  path: '/v1/webhooks/telegram/:botId',
  summary: 'Updates of Telegram, authenticated by the secret header',
  access: 'public',
  params: BotParams,
  body: Type.Object({ update_id: Type.Integer() }),
  response: Closed({ status: Type.Literal('ok') }),
  problems: [webhookRefused],
  example: { params: EXAMPLE_BOT, body: { update_id: 1 } },
});
