import type { UpstreamViewBody } from '../contract/upstreams.ts';
import { openClientKey } from './client-certificate.ts';
import { toView, type UpstreamRecord } from './records.ts';
import type { SecretHeaders } from './secret-headers.ts';

/** What is shown of an upstream: of its secrets that they are there. What an older release wrote is completed. */
export const createUpstreamView =
  (secrets: SecretHeaders) =>
  (record: UpstreamRecord): UpstreamViewBody => ({
    ...toView(record),
    tls: record.tls ?? null,
    secretHeaders: (record.secretHeaders ?? []).map((header) => ({
      name: header.name,
      isSet: secrets.open(record, header) !== null,
    })),
    clientCertificate: clientCertificateOf(secrets, record),
  });

function clientCertificateOf(secrets: SecretHeaders, record: UpstreamRecord): UpstreamViewBody['clientCertificate'] {
  const { clientCertificate = null } = record as Partial<UpstreamRecord>;
  if (clientCertificate === null) return null;
  const { certificateChain, expiresAt } = clientCertificate;
  return { certificateChain, expiresAt, isSet: openClientKey(secrets, record) !== null };
}
