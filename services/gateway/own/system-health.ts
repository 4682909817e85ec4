import type { SystemHealth } from '../contract/health.ts';
import type { Exchange } from '../edge/exchange.ts';
import { sendJson } from '../edge/send.ts';
import type { Instance } from '../upstreams/instance.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

type Status = SystemHealth['status'];
type Seen = Pick<Instance, 'isHealthy'>;

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
    const health = describeHealth(services(), (service) => upstreams.instancesOf(service, tenantId));
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
