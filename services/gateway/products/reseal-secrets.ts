import type { PushedState } from '@tenantry/events/pushed-state.ts';
import type { RevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { resealClientKey } from './client-certificate.ts';
import type { UpstreamRecord } from './records.ts';
import type { SecretHeaders } from './secret-headers.ts';

/**
 * While the master key is being changed: whatever upstream is told of, its secrets get under the current key. For everybody
 * else nothing has changed, so neither has the version. Of several gateways one writes, and the others see what it wrote.
 */
export function resealSecrets(options: {
  readonly state: Pick<PushedState<UpstreamRecord>, 'entries' | 'onChange'>;
  readonly bucket: Pick<RevisedBucket<UpstreamRecord>, 'get' | 'update'>;
  readonly secrets: SecretHeaders;
  readonly onError: (error: unknown) => void;
}): void {
  const { state, bucket, secrets, onError } = options;
  const reseal = async (key: string): Promise<void> => {
    const found = await bucket.get(key);
    const resealed = found === null ? null : resealAll(secrets, found.value);
    if (found !== null && resealed !== null) await bucket.update(key, resealed, found.revision);
  };
  const look = (key: string, record: UpstreamRecord | undefined): void => {
    if (record !== undefined && resealAll(secrets, record) !== null) reseal(key).catch(onError);
  };
  state.onChange(look);
  for (const [key, record] of state.entries()) look(key, record);
}

/** Null when nothing of it lies under the previous key. */
function resealAll(secrets: SecretHeaders, record: UpstreamRecord): UpstreamRecord | null {
  const { secretHeaders = [], clientCertificate = null } = record as Partial<UpstreamRecord>;
  const sealedKey = resealClientKey(secrets, record);
  const headers = secretHeaders.map((header) => secrets.reseal(record, header));
  if (sealedKey === null && headers.every((header) => header === null)) return null;
  return {
    ...record,
    secretHeaders: secretHeaders.map((header, index) => headers[index] ?? header),
    clientCertificate:
      sealedKey === null || clientCertificate === null ? clientCertificate : { ...clientCertificate, sealedKey },
  };
}
