import { type DeadLetterViewBody, partsOfDeadLetterId } from '@tenantry/contract/dead-letters.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';

/** How far a walk over the letters of all services has come: newest event first, of one event by the service's name. */
export type Position = { readonly eventUuid: string; readonly service: string };

export type PartialPage = {
  readonly data: readonly DeadLetterViewBody[];
  /** Down to here this service has shown everything; null: to the end. */
  readonly lookedAtUuid: string | null;
};

/** Behind every name of a service: all of this event has been shown. */
const BEHIND_ALL = '~';
const POSITION = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) ([a-z]{1,40}|~)$/;

export function readCursor(cursor: string): Position {
  const [, eventUuid, service] = POSITION.exec(Buffer.from(cursor, 'base64url').toString('utf8')) ?? [];
  if (eventUuid === undefined || service === undefined)
    throw validationFailed('The cursor is not one that this list gave out. Start again without it.', {
      errors: [{ path: 'query.cursor', message: 'must be a nextCursor of this list' }],
    });
  return { eventUuid, service };
}

const writeCursor = ({ eventUuid, service }: Position): string =>
  Buffer.from(`${eventUuid} ${service}`).toString('base64url');

const isBefore = (one: Position, other: Position): boolean =>
  one.eventUuid === other.eventUuid ? one.service < other.service : one.eventUuid > other.eventUuid;

/**
 * One page out of those of several services. Positions do not depend on who answers: what a service shows is put where
 * it belongs, and nothing beyond what every one of them has looked at is shown yet.
 */
export function mergePages(
  pages: readonly PartialPage[],
  limit: number,
): { readonly data: DeadLetterViewBody[]; readonly nextCursor: string | null } {
  const horizon = pages
    .flatMap(({ lookedAtUuid }) => (lookedAtUuid === null ? [] : [lookedAtUuid]))
    .toSorted()
    .at(-1);
  const known = pages
    .flatMap(({ data }) => data.map((letter) => ({ letter, position: partsOfDeadLetterId(letter.id) })))
    .filter(({ position }) => horizon === undefined || position.eventUuid >= horizon)
    .toSorted((one, other) => (isBefore(one.position, other.position) ? -1 : 1));
  const shown = known.slice(0, limit);
  const data = shown.map(({ letter }) => letter);
  const last = shown.at(-1);
  if (known.length > shown.length && last !== undefined) return { data, nextCursor: writeCursor(last.position) };
  if (horizon === undefined) return { data, nextCursor: null };
  return { data, nextCursor: writeCursor({ eventUuid: horizon, service: BEHIND_ALL }) };
}
