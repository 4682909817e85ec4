import type { Principal } from '@tenantry/auth/principal.ts';
import type { Page, PageQueryInput } from '@tenantry/contract/schemas.ts';
import { readPageQuery, toPage } from '@tenantry/kit/paging.ts';
import { listActiveBots } from '../store/bots.ts';
import { type BotViewBody, toBotView } from './bot-view.ts';
import type { NotificationsDeps } from './deps.ts';

export const listBots =
  ({ databases }: Pick<NotificationsDeps, 'databases'>) =>
  async (principal: Principal, query: PageQueryInput): Promise<Page<BotViewBody>> => {
    const page = readPageQuery(query);
    const rows = await databases.withTenant.read(principal.tenantId, (reader) => listActiveBots(reader, page));
    return toPage(rows, page.limit, (row) => row.id, toBotView);
  };
