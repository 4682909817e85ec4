import type { Identity } from './network/guarded-connect.ts';
import type { Registered, UpstreamRecord } from './records.ts';
import type { SecretHeaders } from './secret-headers.ts';

type Place = Pick<Registered, 'id' | 'tenantId'>;
type Kept = Place & Partial<Pick<UpstreamRecord, 'clientCertificate'>>;

/** What no header can be called. */
const NAME = 'client certificate/key';

export const sealClientKey = (secrets: SecretHeaders, place: Place, pem: string): string =>
  secrets.seal(place, NAME, pem).sealed;

/** Null when there is none, or it cannot be read (any more). */
export function openClientKey(secrets: SecretHeaders, record: Kept): string | null {
  const sealed = record.clientCertificate?.sealedKey;
  return sealed === undefined ? null : secrets.open(record, { name: NAME, sealed });
}

/** Under the current master key what lies under the previous one; null when there is nothing to be done. */
export function resealClientKey(secrets: SecretHeaders, record: Kept): string | null {
  const sealed = record.clientCertificate?.sealedKey;
  return sealed === undefined ? null : (secrets.reseal(record, { name: NAME, sealed })?.sealed ?? null);
}

/** What the upstream's targets are shown; null where they are shown nothing. `'unreadable'`: nothing may be sent then. */
export function identityOf(secrets: SecretHeaders, record: Kept): Identity | 'unreadable' | null {
  const certificate = record.clientCertificate ?? null;
  if (certificate === null) return null;
  const key = openClientKey(secrets, record);
  return key === null ? 'unreadable' : { cert: certificate.certificateChain, key };
}
