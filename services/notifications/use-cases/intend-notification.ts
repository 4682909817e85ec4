import { idFromUuid, newUuid } from '@tenantry/kernel/id.ts';
import { schedule } from '@tenantry/kit/due/schedule.ts';
import { insertNotification, type NewNotification } from '../store/notifications.ts';
import type { NotificationsUnitOfWork } from '../store/tables.ts';
import { DUE } from './deps.ts';

export type Intent = Omit<NewNotification, 'uuid' | 'subject' | 'locale' | 'chat'> &
  Partial<Pick<NewNotification, 'subject' | 'locale' | 'chat'>>;

/** Writes down what shall be sent and that it shall be sent, in the transaction that made it necessary. */
export async function intendNotification(uow: NotificationsUnitOfWork, intent: Intent): Promise<void> {
  const uuid = newUuid();
  const isNew = await insertNotification(uow, { subject: null, locale: null, chat: null, ...intent, uuid });
  if (isNew) await schedule(uow, DUE.sendNotification, idFromUuid('ntf', uuid), uow.now);
}
