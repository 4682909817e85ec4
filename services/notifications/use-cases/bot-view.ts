import { type BotId, idFromUuid } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { BotRow, BotStatus } from '../store/tables.ts';

export type BotViewBody = {
  readonly id: BotId;
  readonly username: string;
  readonly purpose: string;
  readonly status: BotStatus;
  readonly createdAt: string;
};

export const toBotView = (row: BotRow): BotViewBody => ({
  id: idFromUuid('bot', row.id),
  username: row.username,
  purpose: row.purpose,
  status: row.status,
  createdAt: formatInstant(row.created_at),
});
