import { type Principal, principalReach } from '@tenantry/auth/principal.ts';
import type { ResponseOf } from '@tenantry/contract/endpoint.ts';
import type { PageQueryInput } from '@tenantry/contract/schemas.ts';
import { idFromUuid, type UserId, uuidOf } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { readPageQuery, toPage } from '@tenantry/kit/paging.ts';
import type { listNotifications as endpoint } from '../contract/notifications.ts';
import { listNotificationRows } from '../store/notifications.ts';
import type { NotificationRow } from '../store/tables.ts';
import type { NotificationsDeps } from './deps.ts';

type NotificationPage = ResponseOf<typeof endpoint>;

export const listNotifications =
  ({ databases }: Pick<NotificationsDeps, 'databases'>) =>
  async (principal: Principal, query: PageQueryInput): Promise<NotificationPage> => {
    const page = readPageQuery(query);
    const isOwn = principalReach(principal, 'notification:read') === 'own';
    const userUuid = isOwn ? uuidOf(principal.id as UserId) : null;
    const rows = await databases.withTenant.read(principal.tenantId, (reader) =>
      listNotificationRows(reader, { ...page, userUuid }),
    );
    return toPage(rows, page.limit, (row) => row.id, toNotificationView);
  };

const toNotificationView = (row: NotificationRow): NotificationPage['data'][number] => ({
  id: idFromUuid('ntf', row.id),
  userId: idFromUuid('usr', row.user_id ?? ''),
  topic: row.topic,
  channel: 'telegram',
  status: row.status,
  text: row.text,
  attempts: row.attempts,
  failure: row.failure,
  createdAt: formatInstant(row.created_at),
  sentAt: row.sent_at === null ? null : formatInstant(row.sent_at),
});
