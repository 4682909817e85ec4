import { X509Certificate } from 'node:crypto';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { FieldError } from '@tenantry/kernel/problem.ts';
import type { UpstreamInput } from '../contract/upstreams.ts';
import { openClientKey, sealClientKey } from './client-certificate.ts';
import { leadsWhereItDid, type Meant } from './complete-secret-headers.ts';
import { readCertificateChain, readClientKey } from './network/read-client-certificate.ts';
import type { Registered, UpstreamRecord } from './records.ts';
import type { SecretHeaders } from './secret-headers.ts';

/**
 * What an upstream's targets are shown, its key sealed. A key that comes without its text stays, for a renewed certificate
 * too, under the same rule as a secret header: only for where it was used before.
 */
export function completeClientCertificate(
  { clientCertificate, targets }: Pick<UpstreamInput, 'clientCertificate' | 'targets'>,
  kept: Pick<Registered, 'id' | 'tenantId'>,
  {
    secrets,
    meant,
    before,
    now,
  }: {
    readonly secrets: SecretHeaders;
    readonly meant: Meant;
    readonly before: UpstreamRecord | null;
    readonly now: Temporal.Instant;
  },
  errors: FieldError[],
): UpstreamRecord['clientCertificate'] {
  if (clientCertificate === undefined || clientCertificate === null) return null;
  const refuse = (path: string, message: string): null => {
    errors.push({ path: `/clientCertificate${path}`, message });
    return null;
  };
  if (!targets.some(({ url }) => url.startsWith('https:')))
    return refuse('', 'is for targets with https://, and there is none');
  const chain = readCertificateChain(clientCertificate.certificateChain, now);
  if ('fault' in chain) return refuse('/certificateChain', chain.fault);
  const expiresAt = formatInstant(Temporal.Instant.fromEpochMilliseconds(chain.leaf.validToDate.getTime()));
  const { privateKey } = clientCertificate;
  if (privateKey !== undefined) {
    const key = readClientKey(privateKey, chain.leaf);
    if ('fault' in key) return refuse('/privateKey', key.fault);
    return { certificateChain: chain.pem, expiresAt, sealedKey: sealClientKey(secrets, kept, key.pem) };
  }
  const earlier = before?.clientCertificate ?? null;
  if (before === null || earlier === null) return refuse('/privateKey', 'is required: there is none yet');
  if (!leadsWhereItDid(meant, before))
    return refuse('/privateKey', 'is required again, as the upstream leads elsewhere now');
  if (openClientKey(secrets, before) === null)
    return refuse('/privateKey', 'is required again: the one there was cannot be read');
  if (!isOfSameKey(chain.leaf, earlier.certificateChain))
    return refuse('/privateKey', 'is required: the certificate is for another key than the one there is');
  return { certificateChain: chain.pem, expiresAt, sealedKey: earlier.sealedKey };
}

const isOfSameKey = (leaf: X509Certificate, earlierChain: string): boolean =>
  leaf.publicKey.equals(new X509Certificate(earlierChain).publicKey);
