import { generateSigningKey, toPublicJwk } from '@tenantry/auth/jws.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import type { Discovery } from '../discovery.ts';
import { InstanceIndex } from '../instance-index.ts';
import type { InstanceRecord } from '../registry.ts';

const publicKey = toPublicJwk(generateSigningKey('nobody').publicKey);

/** A registry without a hub: what is set is what everybody knows. */
export function localDiscovery() {
  let records: readonly InstanceRecord[] = [];
  const listeners: (() => void)[] = [];
  const discovery: Discovery = {
    isKnown: () => true,
    instancesOf: (service, tenantId) => new InstanceIndex(records).find(service, tenantId),
    all: () => records,
    issuerOf: async () => null,
    onChange: (listener) => void listeners.push(listener),
    close: async () => undefined,
  };
  return {
    discovery,
    /** @param meshUrls of the instances in turn, where they have mesh doors */
    set(
      service: string,
      urls: readonly string[],
      tenants: readonly TenantId[] | null = null,
      meshUrls: readonly string[] = [],
    ): void {
      records = urls.map((url, index) => ({
        instanceId: `${service}-${index}-${new URL(url).port}`,
        service,
        url,
        publicKey,
        status: 'up',
        generation: 1,
        registeredAt: '2026-01-01T00:00:00.000Z',
        endpoints: [],
        tenants,
        ...(meshUrls[index] === undefined ? {} : { meshUrl: meshUrls[index] }),
      }));
      for (const listener of listeners) listener();
    },
  };
}
