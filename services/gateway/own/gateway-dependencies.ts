import { askJetStream } from '@tenantry/events/ask-jetstream.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import type { Dependencies } from '@tenantry/kit/health/dependencies.ts';
import { CHECKED, type StoreChecks, startStoreChecks } from '@tenantry/kit/health/store-checks.ts';

/** The stores of a gateway, none of which it cannot do without. */
export function watchGatewayStores(
  dependencies: Dependencies,
  { nats, redis }: { readonly nats: Nats; readonly redis: { readonly ping: () => Promise<unknown> } },
): StoreChecks {
  const declare = (name: string, degradedMode: string) =>
    dependencies.declare({ name, isCritical: false, degradedMode }, CHECKED);
  return startStoreChecks([
    {
      monitor: declare(
        'redis',
        'Rate limits, and connections that stay open, are counted by each gateway for its share of them.',
      ),
      check: () => redis.ping(),
    },
    {
      monitor: declare(
        'nats',
        'Routing, tenants and keys go on from the last snapshot, also after a restart; sessions are checked one by one.',
      ),
      check: () => askJetStream(nats),
    },
  ]);
}
