import { readFingerprints } from '@tenantry/mesh/identity/fingerprints.ts';
import { PinnedHub } from '@tenantry/mesh/identity/pinned-hub.ts';
import { ConfigurationError } from '../configuration/configuration-error.ts';

export type HubSettings = {
  readonly HUB_URL: string;
  readonly HUB_ROOT_FINGERPRINT?: string;
  readonly TENANTRY_NAMESPACE: string;
};

/** How hubs are reached whose address begins with https; null where all of them are near enough for plain HTTP. */
export function pinHub({ HUB_URL, HUB_ROOT_FINGERPRINT = '', TENANTRY_NAMESPACE }: HubSettings): PinnedHub | null {
  if (!isByTls(HUB_URL)) return null;
  const fingerprints = readFingerprints(HUB_ROOT_FINGERPRINT);
  if (fingerprints.length === 0)
    throw new ConfigurationError(
      'HUB_URL begins with https, so HUB_ROOT_FINGERPRINT must name the roots of that hub: see GET /v1/mesh/trust, or what it logs at its start.',
    );
  return new PinnedHub({ fingerprints, namespace: TENANTRY_NAMESPACE });
}

const isByTls = (hubUrls: string): boolean => hubUrls.split(',').some((url) => url.trim().startsWith('https:'));
