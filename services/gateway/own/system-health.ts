import type { SystemHealth } from '../contract/health.ts';
import type { Exchange } from '../edge/exchange.ts';
import { sendJson } from '../edge/send.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

type Status = SystemHealth['status'];

/** Up: every registered instance takes requests. Degraded: some do. Down: none does. */
export function createSystemHealth(upstreams: Upstreams, services: () => readonly string[]) {
  return (exchange: Exchange): void => {
    const views = services().map((name) => {
      const all = upstreams.instancesOf(name, exchange.verified?.claims.tenantId);
      const healthy = all.filter((instance) => instance.isHealthy).length;
      const status: Status = healthy === 0 ? 'down' : healthy < all.length ? 'degraded' : 'up';
      return { name, status, instances: healthy };
    });
    const isUp = views.every(({ status }) => status === 'up');
    const isDown = views.length > 0 && views.every(({ status }) => status === 'down');
    const health: SystemHealth = { status: isUp ? 'up' : isDown ? 'down' : 'degraded', services: views };
    sendJson(exchange, 200, health);
  };
}
