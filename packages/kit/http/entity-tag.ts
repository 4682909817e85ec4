import { stale } from '@tenantry/kernel/problems.ts';

export const toETag = (version: number): string => `"${version}"`;

/**
 * The version that a client says it has seen. Null when it says nothing, or `*` (anything, as long as it exists).
 * A tag that we never gave out cannot match, so it is stale at once (RFC 9110 §13.1.1).
 */
export function readIfMatch(ifMatch: string | undefined): number | null {
  if (ifMatch === undefined || ifMatch.trim() === '*') return null;
  const match = /^"(\d{1,9})"$/.exec(ifMatch.trim());
  if (match?.[1] === undefined) throw staleVersion();
  return Number(match[1]);
}

/** Throws `stale` when the caller has seen another version than the one that stands. */
export function checkVersion(ifMatchVersion: number | null, version: number): void {
  if (ifMatchVersion !== null && ifMatchVersion !== version) throw staleVersion();
}

const staleVersion = () =>
  stale('This has changed since you read it. Read it again, and send If-Match with the ETag of that answer.');
