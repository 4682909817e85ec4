import { BucketMessages } from '@tenantry/events/bucket-messages.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { bucketName } from '@tenantry/events/subjects.ts';
import type { Dependencies } from '@tenantry/kit/health/dependencies.ts';
import { CHECKED, type StoreChecks, startStoreChecks } from '@tenantry/kit/health/store-checks.ts';
import { REGISTRY_BUCKET } from '@tenantry/mesh/registry.ts';

/**
 * What a hub stands on. It can do without either: another hub would be no better off, and what it knows it still tells.
 * The connection and the bucket are asked one by one, as a server may answer whose JetStream is off, full or without a leader.
 */
export function watchHubStores(dependencies: Dependencies, nats: Nats): StoreChecks {
  const declare = (name: string, degradedMode: string) =>
    dependencies.declare({ name, isCritical: false, degradedMode }, CHECKED);
  const registry = new BucketMessages(nats, bucketName(nats.namespace, REGISTRY_BUCKET.bucket));
  return startStoreChecks([
    {
      monitor: declare(
        'nats',
        'Heartbeats are taken, but this hub cannot hear the others and removes nobody; everybody routes by the last snapshot.',
      ),
      check: () => nats.connection.rtt(),
    },
    {
      monitor: declare(
        'jetstream',
        'Health and the registry are answered from memory; registrations and changes of configuration get 503 with Retry-After.',
      ),
      check: () => registry.facts(),
    },
  ]);
}
