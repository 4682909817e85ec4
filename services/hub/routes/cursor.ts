import { validationFailed } from '@tenantry/kernel/problems.ts';

/** The version before which a list of versions goes on; null for its beginning. */
export function readCursor(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  if (/^[1-9]\d{0,8}$/.test(cursor)) return Number(cursor);
  const message = 'must be a nextCursor of this list';
  throw validationFailed(`The query has a fault: query.cursor ${message}.`, {
    errors: [{ path: 'query.cursor', message }],
  });
}
