import { assemble } from '@tenantry/kit/import-manager/assemble.ts';
import { singleton } from '@tenantry/kit/import-manager/part.ts';
import {
  openService,
  type Platform,
  type RunningService,
  type ServiceApp,
  type ServiceOverrides,
} from '@tenantry/kit/lifecycle/service.ts';
import type { NotificationsConfiguration } from './config.ts';
import { billingSubscriptions } from './consumers/billing.ts';
import { openSendQueue } from './queue/send-queue.ts';
import { createSendRate } from './queue/send-rate.ts';
import { createSendWorker } from './queue/send-worker.ts';
import { botRoutes } from './routes/bots.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { dueHandlers } from './schedule/due.ts';
import type { NotificationsTables } from './store/tables.ts';
import { createTelegramClient, type TelegramClient } from './telegram/client.ts';
import { createBot } from './use-cases/create-bot.ts';
import { createTelegramLink } from './use-cases/create-telegram-link.ts';
import { deleteBot } from './use-cases/delete-bot.ts';
import { deliverNotification } from './use-cases/deliver-notification.ts';
import { enqueueNotification } from './use-cases/enqueue-notification.ts';
import { listBots } from './use-cases/list-bots.ts';
import { listNotifications } from './use-cases/list-notifications.ts';
import { readBotHealth } from './use-cases/read-bot-health.ts';
import { createReadLocale } from './use-cases/read-locale.ts';
import { receiveUpdate } from './use-cases/receive-update.ts';
import { removeBotRemains } from './use-cases/remove-bot-remains.ts';
import { finishBotWebhook, setBotWebhook } from './use-cases/set-bot-webhook.ts';
import { writeReceipt } from './use-cases/write-receipt.ts';

const TELEGRAM = {
  name: 'telegram',
  isCritical: false,
  degradedMode: 'Messages wait as rows and are sent when Telegram is back.',
} as const;

const create = async (
  { databases, mesh, dependencies, tracer, clock, logger }: Platform<NotificationsTables>,
  configuration: NotificationsConfiguration,
): Promise<ServiceApp<NotificationsTables>> => {
  const redis = {
    redisUrl: configuration.REDIS_URL,
    namespace: configuration.TENANTRY_NAMESPACE,
    onError: (error: unknown) => logger.warn({ err: error }, 'the queue of messages is in trouble'),
  };
  const values = {
    databases,
    clock,
    logger,
    sendRate: createSendRate({ redis: databases.redis, onError: redis.onError }),
    readLocale: createReadLocale(mesh),
    publicUrl: configuration.PUBLIC_URL,
    random: Math.random,
    writeReceipt,
  };
  const { parts: app, close } = await assemble(values, {
    telegram: singleton(
      [],
      () => {
        const client: TelegramClient = createTelegramClient({
          url: configuration.TELEGRAM_URL,
          monitor: dependencies.declare(TELEGRAM, { probe: (signal) => client.greet(signal) }),
          onTransition: (transition) => dependencies.breakerMoved(TELEGRAM.name, transition),
        });
        return client;
      },
      (telegram) => telegram.close(),
    ),
    sendQueue: singleton(
      [],
      () => openSendQueue(redis),
      (queue) => queue.close(),
    ),
    // Its messages under way still need Telegram and the queue, so it names them: it is closed before them.
    worker: singleton(
      ['deliverNotification', 'telegram', 'sendQueue'],
      ({ deliverNotification: deliver }: { deliverNotification: ReturnType<typeof deliverNotification> }) =>
        createSendWorker({
          ...redis,
          tracer,
          deliver: ({ tenantId, notificationId }) => deliver(tenantId, notificationId),
          onFault: (error, job) => logger.warn({ err: error, ...job }, 'a message waits; it will be tried again'),
        }),
      (worker) => worker.close(),
    ),
    setBotWebhook,
    finishBotWebhook,
    createBot,
    listBots,
    readBotHealth,
    deleteBot,
    removeBotRemains,
    createTelegramLink,
    receiveUpdate,
    listNotifications,
    enqueueNotification,
    deliverNotification,
  });
  return {
    routes: [...botRoutes(app), ...notificationRoutes(app)],
    subscriptions: billingSubscriptions(app),
    due: dueHandlers(app),
    prepare: async () => app.worker.start(),
    close,
  };
};

export const openNotifications = (
  configuration: NotificationsConfiguration,
  overrides: ServiceOverrides = {},
): Promise<RunningService> =>
  openService<NotificationsTables, NotificationsConfiguration>({
    name: 'notifications',
    configuration,
    create,
    ...overrides,
  });
