import { newUuid } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { describe, expect, it } from 'vitest';
import { readPageQuery, toPage } from './paging.ts';

type Row = { readonly id: string };

/** A table that is read as a store would: newest first, below the position, at most so many. */
const readRows = (rows: readonly Row[], query: { limit?: number; cursor?: string }) => {
  const { beforeUuid, limit } = readPageQuery(query);
  const below = rows
    .toSorted((a, b) => (a.id < b.id ? 1 : -1))
    .filter(({ id }) => beforeUuid === null || id < beforeUuid);
  return toPage(
    below.slice(0, limit + 1),
    limit,
    ({ id }) => id,
    ({ id }) => id,
  );
};

function readAll(rows: Row[], limit: number, onPage: () => void = () => undefined): string[] {
  const seen: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = readRows(rows, { limit, ...(cursor === undefined || cursor === null ? {} : { cursor }) });
    seen.push(...page.data);
    cursor = page.nextCursor;
    onPage();
  } while (cursor !== null);
  return seen;
}

describe('Paging', () => {
  const rows = Array.from({ length: 10 }, () => ({ id: newUuid() }));
  const newestFirst = rows.map(({ id }) => id).toReversed();

  it.each([1, 3, 5, 9, 10, 11, 200])('in steps of %i shows everything once, newest first', (limit) => {
    expect(readAll(rows, limit)).toEqual(newestFirst);
  });

  it('is not disturbed by what is added meanwhile', () => {
    const growing = [...rows];
    expect(readAll(growing, 3, () => growing.push({ id: newUuid() }))).toEqual(newestFirst);
  });

  it('of nothing is one empty page', () => {
    expect(readRows([], {})).toEqual({ data: [], nextCursor: null });
  });

  it('has no next page when the last is exactly full', () => {
    expect(readRows(rows, { limit: 10 }).nextCursor).toBeNull();
  });

  it('takes 50 unless told', () => {
    expect(readPageQuery({})).toEqual({ beforeUuid: null, limit: 50 });
  });

  it.each(['', 'abc', '💥', Buffer.from("' or 1=1 --").toString('base64url'), newUuid()])(
    'refuses the cursor %j, which it never gave out',
    (cursor) => {
      const refusal = (() => {
        try {
          readPageQuery({ cursor });
        } catch (error) {
          return error;
        }
      })();
      expect(refusal).toBeInstanceOf(Problem);
      expect(refusal).toMatchObject({
        kind: { code: 'validation-failed' },
        errors: [{ path: 'query.cursor', message: 'must be a nextCursor of this list' }],
      });
    },
  );
});
