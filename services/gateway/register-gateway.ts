import { toPublicJwk } from '@tenantry/auth/jws.ts';
import type { HeartbeatSources } from '@tenantry/kit/lifecycle/heartbeat.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { type Registration, registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { PinnedHub } from '@tenantry/mesh/identity/pinned-hub.ts';
import type { GatewayConfiguration } from './config.ts';

/** Tells the hub of a gateway, whether it is one process or the primary of several: the key of its passports, and no endpoints. */
export const registerGateway = (
  { HUB_URL, TENANTRY_MASTER_KEY }: GatewayConfiguration,
  gateway: {
    readonly instanceId: string;
    readonly url: string;
    readonly pinned: PinnedHub | null;
    readonly logger: Logger;
    readonly sources: HeartbeatSources;
  },
): Registration => {
  const { instanceId, url, pinned, logger, sources } = gateway;
  return registerWithHub({
    ...{ hubUrl: HUB_URL, pinned, masterKey: TENANTRY_MASTER_KEY, logger, sources },
    announcement: {
      ...{ instanceId, service: 'gateway', url, endpoints: [] },
      publicKey: toPublicJwk(instanceKey(TENANTRY_MASTER_KEY, instanceId).publicKey),
    },
  });
};
