import type { Page, PageQueryInput } from '@tenantry/contract/schemas.ts';
import { isUuid } from '@tenantry/kernel/id.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';

const DEFAULT_PAGE_LIMIT = 50;

/**
 * A page by id, newest first: ids are time-ordered, so "older than this id" is a position that insertions do not shift.
 * @returns the UUID below which to read, and how many rows to fetch: one more than asked, to know whether more follow
 */
export function readPageQuery(query: PageQueryInput): { readonly beforeUuid: string | null; readonly limit: number } {
  if (query.cursor === undefined) return { beforeUuid: null, limit: query.limit ?? DEFAULT_PAGE_LIMIT };
  const uuid = Buffer.from(query.cursor, 'base64url').toString('utf8');
  if (!isUuid(uuid)) {
    const message = 'must be a nextCursor of this list';
    throw validationFailed('The cursor is not one that this list gave out. Start again without it.', {
      errors: [{ path: 'query.cursor', message }],
    });
  }
  return { beforeUuid: uuid, limit: query.limit ?? DEFAULT_PAGE_LIMIT };
}

/** Turns `limit + 1` rows into a page. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  uuidOfRow: (row: Row) => string,
  toItem: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { data: shown.map(toItem), nextCursor: more ? Buffer.from(uuidOfRow(last)).toString('base64url') : null };
}
