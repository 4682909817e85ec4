import type { PushedState } from '@tenantry/events/pushed-state.ts';
import type { RevisedBucket } from '@tenantry/events/revised-bucket.ts';
import type { UpstreamRecord } from './records.ts';
import type { SecretHeaders } from './secret-headers.ts';

/**
 * While the master key is being changed: whatever upstream is told of, its secrets get under the current key. For everybody
 * else nothing has changed, so neither has the version. Of several gateways one writes, and the others see what it wrote.
 */
export function resealHeaders(options: {
  readonly state: Pick<PushedState<UpstreamRecord>, 'entries' | 'onChange'>;
  readonly bucket: Pick<RevisedBucket<UpstreamRecord>, 'get' | 'update'>;
  readonly secrets: SecretHeaders;
  readonly onError: (error: unknown) => void;
}): void {
  const { state, bucket, secrets, onError } = options;
  const needsIt = (record: UpstreamRecord): boolean =>
    (record.secretHeaders ?? []).some((header) => secrets.reseal(record, header) !== null);
  const reseal = async (key: string): Promise<void> => {
    const found = await bucket.get(key);
    if (found === null || !needsIt(found.value)) return;
    const secretHeaders = found.value.secretHeaders.map((header) => secrets.reseal(found.value, header) ?? header);
    await bucket.update(key, { ...found.value, secretHeaders }, found.revision);
  };
  const look = (key: string, record: UpstreamRecord | undefined): void => {
    if (record !== undefined && needsIt(record)) reseal(key).catch(onError);
  };
  state.onChange(look);
  for (const [key, record] of state.entries()) look(key, record);
}
