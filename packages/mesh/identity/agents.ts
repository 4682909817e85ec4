import { Agent } from 'undici';
import type { MeshIdentity } from '../identity.ts';
import type { InstanceRecord } from '../registry.ts';
import { meshConnector, NotConnected } from './connector.ts';

const CONNECTIONS = 32;
const KEEP_ALIVE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 1_000;

const newAgent = (connect: NonNullable<Agent.Options['connect']>): Agent =>
  new Agent({ connections: CONNECTIONS, keepAliveTimeout: KEEP_ALIVE_MS, connect });

/** How to get to an instance over HTTP. With an identity there is no way but mutual TLS: nothing is ever sent plainly instead. */
export class MeshAgents {
  readonly #identity: MeshIdentity | null;
  readonly #timing: { readonly timeoutMs?: number };
  /** By service: whoever answers at an address must prove to be of it. */
  readonly #agents = new Map<string, Agent>();

  /** `timeoutMs`: for a handshake; left out, the connector's own. */
  constructor(identity: MeshIdentity | null, timing: { readonly timeoutMs?: number } = {}) {
    this.#identity = identity;
    this.#timing = timing;
  }

  /** The agent, and the origin to ask it for. @throws NotConnected for an instance without a mesh door */
  wayTo({ service, url, meshUrl }: Pick<InstanceRecord, 'service' | 'url' | 'meshUrl'>): [Agent, string] {
    const identity = this.#identity;
    if (identity === null) return [this.#agent('', () => newAgent({ timeout: CONNECT_TIMEOUT_MS })), url];
    if (meshUrl === undefined) throw new NotConnected(service, 'this instance has no mesh door');
    const connect = () => newAgent(meshConnector(identity, service, this.#timing));
    return [this.#agent(service, connect), meshUrl];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
  }

  #agent(key: string, make: () => Agent): Agent {
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = make();
    this.#agents.set(key, agent);
    return agent;
  }
}
