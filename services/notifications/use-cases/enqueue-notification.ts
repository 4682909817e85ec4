import { type NotificationId, type TenantId, uuidOf } from '@tenantry/kernel/id.ts';
import { readiness } from '../domain/delivery.ts';
import { deliveryOf, findNotification } from '../store/notifications.ts';
import type { NotificationsDeps } from './deps.ts';

/** How long the queue is trusted with a message before it is looked at again. */
const RECHECK_SECONDS = 30;

/**
 * The obligation to send, kept in PostgreSQL: puts the message into the queue, and again and again until the message is
 * final. The queue may forget everything at any time; then this brings it back. Without Redis it throws and waits.
 * @returns when to look again; undefined once there is nothing left to do
 */
export const enqueueNotification =
  ({ databases, sendQueue }: Pick<NotificationsDeps, 'databases' | 'sendQueue'>) =>
  async (tenantId: TenantId, notificationId: NotificationId): Promise<Temporal.Instant | undefined> => {
    const found = await databases.withTenant.read(tenantId, async (reader) => {
      const row = await findNotification(reader, uuidOf(notificationId));
      return row === undefined ? null : { row, now: reader.now };
    });
    if (found === null) return undefined;
    const state = readiness(deliveryOf(found.row), found.now);
    if (state.kind === 'final') return undefined;
    if (state.kind === 'wait') return state.until;
    const isFirst =
      found.row.attempts === 0 &&
      found.row.not_before === null &&
      Temporal.Instant.compare(found.row.created_at.add({ seconds: RECHECK_SECONDS }), found.now) > 0;
    await sendQueue.add({ tenantId, notificationId }, { isLate: !isFirst });
    return found.now.add({ seconds: RECHECK_SECONDS });
  };
