import { toPublicJwk } from '@tenantry/auth/jws.ts';
import { newUuid } from '@tenantry/kernel/id.ts';
import { instanceKey } from '@tenantry/kit/lifecycle/instance-key.ts';
import { registerWithHub } from '@tenantry/kit/lifecycle/registration.ts';
import { createLogger } from '@tenantry/kit/logger.ts';
import { inject } from 'vitest';

/** A server of a test's own that stands in for a service: registered and beating like one, or the hub would remove it. */
export async function registerStandIn(options: {
  readonly hubUrl: string;
  readonly service: string;
  readonly url: string;
}): Promise<{ readonly leave: () => Promise<void> }> {
  const instanceId = `${options.service}-${newUuid()}`;
  const masterKey = inject('masterKey');
  const registration = registerWithHub({
    hubUrl: options.hubUrl,
    masterKey,
    announcement: {
      instanceId,
      service: options.service,
      url: options.url,
      publicKey: toPublicJwk(instanceKey(masterKey, instanceId).publicKey),
      endpoints: [],
    },
    logger: createLogger({ service: 'test', instanceId, level: 'silent' }),
  });
  await registration.accepted;
  return registration;
}
