import { isIP } from 'node:net';
import { PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import type { FieldError } from '@tenantry/kernel/problem.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';
import type { UpstreamInput } from '../contract/upstreams.ts';
import { completeClientCertificate } from './complete-client-certificate.ts';
import { completeSecretHeaders } from './complete-secret-headers.ts';
import { type AddressGuard, isPublicAddress } from './network/address-guard.ts';
import { type ResolveHost, resolveAllowed } from './network/guarded-connect.ts';
import { readCertificate } from './network/read-certificates.ts';
import { readTargetUrl } from './network/target-url.ts';
import type { Registered, UpstreamRecord } from './records.ts';
import type { SecretHeaders } from './secret-headers.ts';

/** How far somebody's upstreams reach: how their names are understood, and which addresses they may have. */
export type Reaching = { readonly guard: AddressGuard; readonly resolve: ResolveHost };
export type Reach = { readonly platform: Reaching; readonly tenant: Reaching };

export const reachOf = (reach: Reach, tenantId: TenantId): Reaching =>
  tenantId === PLATFORM_TENANT_ID ? reach.platform : reach.tenant;

const DEFAULT_TIMEOUT_MS = 10_000;

/** One sentence for all of it: which names exist inside, and what they lead to, is nobody's business. */
const UNREACHABLE = 'must be a server with public addresses only';

export type UpstreamChecks = {
  readonly reach: Reach;
  readonly secrets: SecretHeaders;
  readonly now: () => Temporal.Instant;
};

/** The targets of an upstream, looked at where they lead to, and what was left out. */
export const completeUpstream =
  ({ reach, secrets, now }: UpstreamChecks) =>
  async (
    input: UpstreamInput,
    kept: Pick<Registered, 'id' | 'tenantId'>,
    before: UpstreamRecord | null,
  ): Promise<Omit<UpstreamRecord, keyof Registered>> => {
    const { guard, resolve } = reachOf(reach, kept.tenantId);
    const hasSecrets = (input.secretHeaders ?? []).length > 0;
    const seen = new Set<string>();
    const errors: FieldError[] = [];
    const targets = await Promise.all(
      input.targets.map(async ({ url, weight = 1 }, index) => {
        const refuse = (message: string): void => void errors.push({ path: `/targets/${index}/url`, message });
        const target = readTargetUrl(url);
        if ('fault' in target) refuse(target.fault);
        else if (seen.has(target.origin)) refuse('stands in the list already');
        else {
          seen.add(target.origin);
          const addresses = await resolveAllowed(target, guard, resolve).catch(() => refuse(UNREACHABLE));
          const isOpen =
            target.origin.startsWith('http:') && addresses?.some(({ address }) => isPublicAddress(address));
          if (hasSecrets && isOpen === true) refuse('must be https:// where secret headers are sent there');
          return { url: target.origin, weight };
        }
        return { url, weight };
      }),
    );
    const tls = completeTls(input, now(), errors);
    const about = { secrets, meant: { targets, tls }, before, now: now() };
    const secretHeaders = completeSecretHeaders(input, kept, about, errors);
    const clientCertificate = completeClientCertificate(input, kept, about, errors);
    if (errors.length > 0) {
      const ordered = errors.toSorted((a, b) => a.path.localeCompare(b.path));
      const names = ordered.map(({ path }) => path).join(', ');
      throw validationFailed(`The upstream has ${errors.length} fault(s): ${names}. Correct them and send it again.`, {
        errors: ordered,
      });
    }
    return {
      name: input.name,
      targets,
      balancing: input.balancing ?? 'peak-ewma',
      hashBy: input.hashBy ?? 'tenant',
      healthCheck: input.healthCheck ?? null,
      tls,
      secretHeaders,
      clientCertificate,
      timeoutMs: input.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      slowStartSeconds: input.slowStartSeconds ?? 0,
    };
  };

function completeTls(
  { tls, targets }: UpstreamInput,
  now: Temporal.Instant,
  errors: FieldError[],
): UpstreamRecord['tls'] {
  if (tls === undefined || tls === null) return null;
  if (!targets.some(({ url }) => url.startsWith('https:')))
    errors.push({ path: '/tls', message: 'is for targets with https://, and there is none' });
  if (tls.serverName !== undefined && isIP(tls.serverName) !== 0)
    errors.push({
      path: '/tls/serverName',
      message: 'must be a name: an address is looked for where the target has one',
    });
  const seen = new Set<string>();
  const caCertificates = (tls.caCertificates ?? []).map((text, index) => {
    const refuse = (message: string): void => void errors.push({ path: `/tls/caCertificates/${index}`, message });
    const read = readCertificate(text, now);
    if ('fault' in read) refuse(read.fault);
    else if (seen.has(read.fingerprint)) refuse('stands in the list already');
    else {
      seen.add(read.fingerprint);
      return read.pem;
    }
    return '';
  });
  return { caCertificates, serverName: tls.serverName ?? null };
}
