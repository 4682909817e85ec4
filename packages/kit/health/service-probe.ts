import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { Probe } from '@tenantry/resilience/dependency-probe.ts';

/** Whether some instance of a service of ours, each in its turn, says that it is ready. */
export function createServiceProbe(discovery: Pick<Discovery, 'all'>): (service: string) => Probe {
  return (service) => {
    let turn = 0;
    return async (signal) => {
      const instances = discovery.all().filter((record) => record.service === service && record.status === 'up');
      const instance = instances[turn++ % instances.length];
      if (instance === undefined) throw upstreamUnavailable(`No instance of ${service} is registered.`);
      const answer = await fetch(`${instance.url}/health/ready`, { signal });
      await answer.body?.cancel();
      if (!answer.ok) throw upstreamUnavailable(`An instance of ${service} is not ready.`);
    };
  };
}
