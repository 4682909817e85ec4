import type { TenantId } from '@tenantry/kernel/id.ts';
import { upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { CallTargets } from '@tenantry/mesh/call-target.ts';
import type { Discovery } from '@tenantry/mesh/discovery.ts';
import type { EdgeTraffic } from '@tenantry/mesh/edge-traffic.ts';
import { meshConnector, NotConnected } from '@tenantry/mesh/identity/connector.ts';
import type { MeshIdentity } from '@tenantry/mesh/identity.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import type { BreakerTransition } from '@tenantry/resilience/circuit-breaker.ts';
import type { DependencyMonitor } from '@tenantry/resilience/dependency-monitor.ts';
import type { buildConnector } from 'undici';
import type { BalancingName } from '../contract/upstreams.ts';
import { createBalancing } from './balancing/create-balancing.ts';
import type { Cluster } from './cluster.ts';
import { Instance, type InstanceAddress } from './instance.ts';
import { InstanceGroup } from './instance-group.ts';

const MAX_WAITING = 1_024;
/** A call to a service that takes this long is worth knowing of; so it is between services. */
const SLOW_MS = 1_000;

export type UpstreamsOptions = {
  readonly discovery: Discovery;
  /** With it instances are reached with mutual TLS alone. */
  readonly identity?: MeshIdentity | null;
  readonly balancing?: BalancingName;
  readonly slowStartMs?: number;
  /** Ways to instances that are cheaper than HTTP. Whoever opened them closes them. */
  readonly targets?: CallTargets | null;
  /** Counts every attempt, for the service map. */
  readonly traffic?: EdgeTraffic;
  /** Is told of every attempt, for readiness, metrics and heartbeats. */
  readonly monitorOf?: (service: string) => DependencyMonitor;
  readonly onBreaker?: (instance: InstanceAddress, transition: BreakerTransition) => void;
  readonly monotonicMs?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

const notThere = () => upstreamUnavailable('No instance is registered.', { retryAfterSeconds: 1 });

/** An instance may be for some tenants only, and may take more than its peers. */
type Placed = InstanceRecord & { readonly tenants?: readonly TenantId[] | null; readonly weight?: number };

/** All instances of our services that can be called, kept in step with the registry, and the choice among them. */
export class Upstreams {
  readonly monotonicMs: () => number;
  readonly #options: UpstreamsOptions;
  readonly #discovery: Discovery;
  readonly #instances = new Map<string, Instance>();
  /** By service, and by service and tenant where a tenant has instances of its own. */
  readonly #groups = new Map<string, InstanceGroup>();
  /** Whether any tenant has instances of its own; most systems have none, and need not look. */
  #hasOwnGroups = false;
  readonly #waiting = new Set<() => void>();

  constructor(options: UpstreamsOptions) {
    this.#options = options;
    this.#discovery = options.discovery;
    this.monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#follow();
    this.#discovery.onChange(() => this.#follow());
  }

  /** A tenant's own instances, if it has any; else the shared ones. */
  instancesOf(service: string, tenantId: TenantId | null = null): readonly Instance[] {
    return this.groupOf(service, tenantId).instances;
  }

  pick(service: string, tenantId: TenantId | null, tried: readonly Instance[]): Instance | undefined {
    return this.groupOf(service, tenantId).pick(tried, tenantId ?? '');
  }

  clusterOf(service: string, tenantId: TenantId | null): Cluster {
    return new ServiceCluster(this, service, tenantId);
  }

  /** Never the same for long: ask again for every attempt. */
  groupOf(service: string, tenantId: TenantId | null): InstanceGroup {
    const own = tenantId === null || !this.#hasOwnGroups ? undefined : this.#groups.get(`${service} ${tenantId}`);
    return own !== undefined && own.instances.length > 0 ? own : this.#group(service);
  }

  #group(key: string): InstanceGroup {
    let group = this.#groups.get(key);
    if (group === undefined) {
      const { balancing = 'peak-ewma', slowStartMs = 0, random = Math.random } = this.#options;
      group = new InstanceGroup({
        balancing: createBalancing(balancing, random),
        slowStartMs,
        monotonicMs: this.monotonicMs,
        random,
      });
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Arguments one by one, as this is called for every attempt. */
  observe(
    service: string,
    tenantId: TenantId | null,
    isFailed: boolean,
    isFault: boolean,
    durationMs: number,
    error?: unknown,
  ): void {
    this.#options.traffic?.record(service, tenantId, isFailed, durationMs);
    this.#options
      .monitorOf?.(service)
      .recordCall({ durationMs, isSlow: durationMs >= SLOW_MS, isFailed: isFault }, error);
  }

  missed(service: string, areHeldBack: boolean): void {
    const monitor = this.#options.monitorOf?.(service);
    if (areHeldBack) monitor?.recordRejection('breaker');
    else monitor?.recordCall({ durationMs: 0, isSlow: false, isFailed: true }, notThere());
  }

  /** Resolves with the next change of the registry, or when the time is up, or at once when too many wait already. */
  async nextChange(timeoutMs: number): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING || timeoutMs <= 0) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#waiting.add(wake);
    });
  }

  async close(): Promise<void> {
    for (const wake of [...this.#waiting]) wake();
    await Promise.allSettled([...this.#instances.values()].map((instance) => instance.destroy()));
  }

  #follow(): void {
    const all: readonly Placed[] = this.#discovery.all();
    const records = all.filter(({ status, service }) => status === 'up' && service !== 'gateway');
    const current = new Set(records.map((record) => record.instanceId));
    for (const [instanceId, instance] of this.#instances) {
      if (current.has(instanceId)) continue;
      this.#instances.delete(instanceId);
      void instance.close().catch(() => undefined);
    }
    const members = new Map<string, Instance[]>();
    for (const record of records) {
      const existing = this.#instances.get(record.instanceId);
      let instance = existing;
      const { onBreaker, identity = null, targets = null } = this.#options;
      const url = identity === null ? record.url : (record.meshUrl ?? record.url);
      if (instance === undefined || instance.record.url !== url) {
        void existing?.close().catch(() => undefined);
        instance = new Instance({ ...record, url }, this.monotonicMs, {
          ...(identity === null ? {} : { connect: wayInto(record, identity) }),
          ...(onBreaker === undefined ? {} : { onBreaker }),
          ...(targets === null ? {} : { target: () => targets.of(record) }),
        });
        targets?.of(record); // so that there is a link before the first request
        this.#instances.set(record.instanceId, instance);
      }
      instance.weight = record.weight ?? 1;
      const keys = record.tenants?.map((tenantId) => `${record.service} ${tenantId}`) ?? [record.service];
      for (const key of keys) members.set(key, [...(members.get(key) ?? []), instance]);
    }
    this.#hasOwnGroups = [...members.keys()].some((key) => key.includes(' '));
    for (const key of members.keys()) this.#group(key);
    for (const [key, group] of this.#groups) {
      const instances = members.get(key) ?? [];
      // A service stays known when its last instance is gone; a tenant's own group need not.
      if (instances.length === 0 && key.includes(' ')) this.#groups.delete(key);
      group.follow(instances);
    }
    for (const wake of [...this.#waiting]) wake();
  }
}

/** An instance without a mesh door is not asked in plain text instead. */
const wayInto = ({ service, meshUrl }: InstanceRecord, identity: MeshIdentity): buildConnector.connector =>
  meshUrl === undefined
    ? (_address, callback) => callback(new NotConnected(service, 'this instance has no mesh door'), null)
    : meshConnector(identity, service);

/** One is made for every request, so it is one small object and nothing else. */
class ServiceCluster implements Cluster {
  readonly isOurs = true;
  readonly #upstreams: Upstreams;
  readonly #service: string;
  readonly #tenantId: TenantId | null;

  constructor(upstreams: Upstreams, service: string, tenantId: TenantId | null) {
    this.#upstreams = upstreams;
    this.#service = service;
    this.#tenantId = tenantId;
  }

  get label(): string {
    return `The ${this.#service} service`;
  }

  group(): InstanceGroup {
    return this.#upstreams.groupOf(this.#service, this.#tenantId);
  }

  nextChange(timeoutMs: number): Promise<void> {
    return this.#upstreams.nextChange(timeoutMs);
  }

  monotonicMs(): number {
    return this.#upstreams.monotonicMs();
  }

  observe(isFailed: boolean, isFault: boolean, durationMs: number, error?: unknown): void {
    this.#upstreams.observe(this.#service, this.#tenantId, isFailed, isFault, durationMs, error);
  }

  missed(areHeldBack: boolean): void {
    this.#upstreams.missed(this.#service, areHeldBack);
  }
}
