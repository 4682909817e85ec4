import type { TenantId } from '@tenantry/kernel/id.ts';
import { isShared } from '@tenantry/mesh/instance-index.ts';
import type { SystemHealth } from '../contract/health.ts';
import type { Exchange } from '../edge/exchange.ts';
import { sendJson } from '../edge/send.ts';
import type { Instance } from '../upstreams/instance.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

type Status = SystemHealth['status'];
type Seen = Pick<Instance, 'isHealthy'> & { readonly record: Pick<Instance['record'], 'tenants'> };

/**
 * Up: every instance that serves the calling tenant takes requests. Degraded: some do. Down: none does. Instances of other
 * tenants are not counted, not even as missing.
 */
export function createSystemHealth(
  upstreams: Pick<Upstreams, 'instancesOf'>,
  services: () => readonly string[],
): (exchange: Exchange) => void {
  return (exchange) => {
    const tenantId = exchange.verified?.principal.tenantId;
    const health = describeHealth(services(), (service) => serving(upstreams.instancesOf(service), tenantId));
    sendJson(exchange, 200, health);
  };
}

export function describeHealth(
  services: readonly string[],
  instancesOf: (service: string) => readonly Seen[],
): SystemHealth {
  const views = services.map((name) => {
    const all = instancesOf(name);
    const healthy = all.filter((instance) => instance.isHealthy).length;
    const status: Status = healthy === 0 ? 'down' : healthy < all.length ? 'degraded' : 'up';
    return { name, status, instances: healthy };
  });
  const isUp = views.every(({ status }) => status === 'up');
  const isDown = views.length > 0 && views.every(({ status }) => status === 'down');
  return { status: isUp ? 'up' : isDown ? 'down' : 'degraded', services: views };
}

/** A tenant's own instances where it has any, else those for everybody. */
export function serving<One extends Seen>(all: readonly One[], tenantId: TenantId | undefined): readonly One[] {
  const own = tenantId === undefined ? [] : all.filter(({ record }) => record.tenants?.includes(tenantId));
  return own.length > 0 ? own : all.filter(({ record }) => isShared(record));
}
