import { idFromUuid } from '@tenantry/kernel/id.ts';
import type { DueHandler } from '@tenantry/kit/due/ticker.ts';
import { DUE } from '../use-cases/deps.ts';
import type { enqueueNotification } from '../use-cases/enqueue-notification.ts';
import type { removeBotRemains } from '../use-cases/remove-bot-remains.ts';
import type { finishBotWebhook } from '../use-cases/set-bot-webhook.ts';

export type DueUseCases = {
  readonly enqueueNotification: ReturnType<typeof enqueueNotification>;
  readonly finishBotWebhook: ReturnType<typeof finishBotWebhook>;
  readonly removeBotRemains: ReturnType<typeof removeBotRemains>;
};

export const dueHandlers = (useCases: DueUseCases): Readonly<Record<string, DueHandler>> => ({
  [DUE.sendNotification]: ({ tenantId, uuid }) => useCases.enqueueNotification(tenantId, idFromUuid('ntf', uuid)),
  [DUE.setBotWebhook]: async ({ tenantId, uuid }) => {
    await useCases.finishBotWebhook(tenantId, idFromUuid('bot', uuid));
    return undefined;
  },
  [DUE.removeBotRemains]: async ({ tenantId, uuid, attempts }) => {
    await useCases.removeBotRemains(tenantId, idFromUuid('bot', uuid), attempts);
    return undefined;
  },
});
