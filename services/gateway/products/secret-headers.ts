import { deriveKeys } from '@tenantry/databases/credentials.ts';
import { openWithAny, resealText, sealText } from '@tenantry/databases/secrets/sealed-text.ts';
import type { Registered, SealedHeader, UpstreamRecord } from './records.ts';

type Place = Pick<Registered, 'id' | 'tenantId'>;

export type SecretHeaders = {
  readonly seal: (place: Place, name: string, value: string) => SealedHeader;
  /** Null when it was sealed under another master key or for another upstream. */
  readonly open: (place: Place, header: SealedHeader) => string | null;
  /** Under the current master key what lies under the previous one; null when there is nothing to be done. */
  readonly reseal: (place: Place, header: SealedHeader) => SealedHeader | null;
};

/** Bound to tenant, upstream and name, so that what is copied to another record does not open there. */
export function createSecretHeaders(masterKey: string): SecretHeaders {
  const keys = deriveKeys(masterKey, 'secrets:gateway-upstreams');
  const boundTo = ({ tenantId, id }: Place, name: string): string => `gateway/${tenantId}/${id}/${name}`;
  return {
    seal: (place, name, value) => ({ name, sealed: sealText(keys[0], boundTo(place, name), value).toString('base64') }),
    open(place, { name, sealed }) {
      try {
        return openWithAny(keys, boundTo(place, name), Buffer.from(sealed, 'base64'));
      } catch {
        return null;
      }
    },
    reseal(place, { name, sealed }) {
      try {
        const anew = resealText(keys, boundTo(place, name), Buffer.from(sealed, 'base64'));
        return anew === null ? null : { name, sealed: anew.toString('base64') };
      } catch {
        return null;
      }
    },
  };
}

/** Names and values in turn; null when one of them cannot be had, as a request without it is not what was agreed on. */
export function openAll(
  secrets: SecretHeaders,
  record: Place & Partial<Pick<UpstreamRecord, 'secretHeaders'>>,
): readonly string[] | null {
  const pairs: string[] = [];
  for (const header of record.secretHeaders ?? []) {
    const value = secrets.open(record, header);
    if (value === null) return null;
    pairs.push(header.name, value);
  }
  return pairs;
}
