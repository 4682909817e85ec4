import { type Route, serve, servePublic } from '@tenantry/kit/http/route.ts';
import {
  createTelegramLink as createTelegramLinkEndpoint,
  listNotifications as listNotificationsEndpoint,
  telegramWebhook,
} from '../contract/notifications.ts';
import type { createTelegramLink } from '../use-cases/create-telegram-link.ts';
import type { listNotifications } from '../use-cases/list-notifications.ts';
import type { receiveUpdate } from '../use-cases/receive-update.ts';

export type NotificationUseCases = {
  readonly createTelegramLink: ReturnType<typeof createTelegramLink>;
  readonly listNotifications: ReturnType<typeof listNotifications>;
  readonly receiveUpdate: ReturnType<typeof receiveUpdate>;
};

const SECRET_HEADER = 'x-telegram-bot-api-secret-token';

export const notificationRoutes = (useCases: NotificationUseCases): readonly Route[] => [
  serve(createTelegramLinkEndpoint, ({ principal }) => useCases.createTelegramLink(principal)),
  serve(listNotificationsEndpoint, ({ principal, query }) => useCases.listNotifications(principal, query)),
  servePublic(telegramWebhook, async ({ params, headers, body }) => {
    const secret = headers[SECRET_HEADER];
    const given = typeof secret === 'string' ? secret : undefined;
    await useCases.receiveUpdate({ botId: params.botId, secret: given, body });
    return { status: 'ok' as const };
  }),
];
