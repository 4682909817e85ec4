import type { FieldError } from '@tenantry/kernel/problem.ts';
import type { UpstreamInput } from '../contract/upstreams.ts';
import { isProtectedHeader } from '../transform/protected-headers.ts';
import type { Registered, SealedHeader, UpstreamRecord } from './records.ts';
import type { SecretHeaders } from './secret-headers.ts';

/** What it is for, mostly. A route must leave it alone; here it can only be what the upstream's owner has set. */
const ALLOWED = new Set(['authorization']);

export type Meant = Pick<UpstreamRecord, 'targets' | 'tls'>;

/**
 * The secrets of an upstream, sealed. One that comes without its value stays as it is, but only for where it was sent
 * before: otherwise whoever may change an upstream could read it, by naming a server of their own.
 */
export function completeSecretHeaders(
  { secretHeaders = [] }: Pick<UpstreamInput, 'secretHeaders'>,
  kept: Pick<Registered, 'id' | 'tenantId'>,
  {
    secrets,
    meant,
    before,
  }: { readonly secrets: SecretHeaders; readonly meant: Meant; readonly before: UpstreamRecord | null },
  errors: FieldError[],
): readonly SealedHeader[] {
  const mayStay = before !== null && leadsWhereItDid(meant, before);
  const seen = new Set<string>();
  return secretHeaders.flatMap(({ name: spelled, value }, index) => {
    const name = spelled.toLowerCase();
    const refuse = (path: string, message: string): readonly SealedHeader[] => {
      errors.push({ path: `/secretHeaders/${index}${path}`, message });
      return [];
    };
    if (isProtectedHeader(name, 'request') && !ALLOWED.has(name))
      return refuse('/name', 'is a header that the gateway writes or leaves alone');
    if (seen.has(name)) return refuse('/name', 'stands in the list already');
    seen.add(name);
    if (value !== undefined) return [secrets.seal(kept, name, value)];
    const earlier = before?.secretHeaders?.find((header) => header.name === name);
    if (before === null || earlier === undefined) return refuse('/value', 'is required: there is none yet');
    if (!mayStay) return refuse('/value', 'is required again, as the upstream leads elsewhere now');
    if (secrets.open(kept, earlier) === null)
      return refuse('/value', 'is required again: the one there was cannot be read');
    return [earlier];
  });
}

/** Nothing that was not there before, and nobody else vouches for it. */
export function leadsWhereItDid({ targets, tls }: Meant, before: Meant): boolean {
  const known = new Set(before.targets.map(({ url }) => url));
  return targets.every(({ url }) => known.has(url)) && JSON.stringify(tls) === JSON.stringify(before.tls ?? null);
}
