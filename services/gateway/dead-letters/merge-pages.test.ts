import { type DeadLetterViewBody, deadLetterId } from '@tenantry/contract/dead-letters.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePages, type PartialPage, type Position, readCursor } from './merge-pages.ts';

const UUIDS = Array.from({ length: 12 }, newUuid);
const SERVICES = ['billing', 'notifications', 'users'] as const;

const letterOf = (service: string, uuid: string) => ({ id: deadLetterId(service, uuid) }) as DeadLetterViewBody;

/** What a service answers: at most `limit`, and of what it has looked at no more than `patience` at a time. */
function answerOf(
  service: string,
  uuids: readonly string[],
  from: Position | null,
  { limit, patience }: { readonly limit: number; readonly patience: number },
): PartialPage {
  const isInclusive = from !== null && service > from.service;
  const rest = UUIDS.toReversed().filter(
    (uuid) => from === null || uuid < from.eventUuid || (isInclusive && uuid === from.eventUuid),
  );
  const data: DeadLetterViewBody[] = [];
  for (const [index, uuid] of rest.entries()) {
    if (uuids.includes(uuid)) data.push(letterOf(service, uuid));
    if (data.length === limit || index + 1 === patience) return { data, lookedAtUuid: uuid };
  }
  return { data, lookedAtUuid: null };
}

describe('A walk over the pages of several services', () => {
  it('shows every letter once, newest first, whatever the pages and however little a service looks at', () => {
    const letters = fc.record(
      Object.fromEntries(SERVICES.map((service) => [service, fc.subarray(UUIDS)])) as Record<
        string,
        fc.Arbitrary<string[]>
      >,
    );
    const sizes = fc.record({ limit: fc.integer({ min: 1, max: 5 }), patience: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(letters, sizes, (byService, size) => {
        const shown: string[] = [];
        let cursor: string | null = null;
        let pages = 0;
        do {
          const from: Position | null = cursor === null ? null : readCursor(cursor);
          const partial = SERVICES.map((service) => answerOf(service, byService[service] ?? [], from, size));
          const page = mergePages(partial, size.limit);
          expect(page.data.length).toBeLessThanOrEqual(size.limit);
          shown.push(...page.data.map(({ id }) => id));
          cursor = page.nextCursor;
        } while (cursor !== null && ++pages < 200);
        const all = UUIDS.toReversed().flatMap((uuid) =>
          SERVICES.flatMap((service) => (byService[service]?.includes(uuid) ? [deadLetterId(service, uuid)] : [])),
        );
        expect(shown).toEqual(all);
      }),
      { numRuns: 300 },
    );
  });

  it('begins nowhere but where a page has ended', () => {
    for (const cursor of [
      '',
      'x',
      Buffer.from(`${UUIDS[0]}`).toString('base64url'),
      Buffer.from('a b').toString('hex'),
    ])
      expect(() => readCursor(cursor)).toThrow(Problem);
  });
});
