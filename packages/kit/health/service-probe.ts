import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import { MeshAgents } from '@tenantry/mesh/identity/agents.ts';
import type { MeshIdentity } from '@tenantry/mesh/identity.ts';
import type { Probe } from '@tenantry/resilience/dependency-probe.ts';

/** Whether some instance of a service of ours, each in its turn, says that it is ready: asked by the way that calls take. */
export function createServiceProbe(
  discovery: Pick<Discovery, 'all'>,
  identity: () => MeshIdentity | null = () => null,
): (service: string) => Probe {
  let agents: MeshAgents | null = null;
  return (service) => {
    let turn = 0;
    return async (signal) => {
      const instances = discovery.all().filter((record) => record.service === service && record.status === 'up');
      const instance = instances[turn++ % instances.length];
      if (instance === undefined) throw upstreamUnavailable(`No instance of ${service} is registered.`);
      agents ??= new MeshAgents(identity());
      const [agent, origin] = agents.wayTo(instance);
      const answer = await agent.request({ origin, method: 'GET', path: '/health/ready', signal });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw upstreamUnavailable(`An instance of ${service} is not ready.`);
    };
  };
}
