import type { PushedState } from '@tenantry/events/pushed-state.ts';
import { createBalancing } from '../upstreams/balancing/create-balancing.ts';
import type { Cluster } from '../upstreams/cluster.ts';
import { CONNECT_TIMEOUT_MS, Instance } from '../upstreams/instance.ts';
import { InstanceGroup } from '../upstreams/instance-group.ts';
import { type Reach, reachOf } from './complete-upstream.ts';
import { type HealthProbes, startHealthProbes } from './health-probes.ts';
import { guardedConnect } from './network/guarded-connect.ts';
import { readTargetUrl } from './network/target-url.ts';
import type { UpstreamRecord } from './records.ts';

/** Less than any usual server keeps an idle connection: of two that close it at once, the one that also sends loses. */
const KEEP_ALIVE_MS = 4_000;
/** An upstream that nobody has asked for so long is not probed. */
const UNUSED_MS = 300_000;

export type ProductClustersOptions = {
  readonly state: PushedState<UpstreamRecord>;
  readonly reach: Reach;
  readonly monotonicMs?: () => number;
  readonly random?: () => number;
};

/** The registered upstreams that have been asked for, each with its targets, kept in step with what is registered. */
export class ProductClusters {
  readonly #options: ProductClustersOptions;
  readonly #monotonicMs: () => number;
  readonly #clusters = new Map<string, ProductCluster>();

  constructor(options: ProductClustersOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    options.state.onChange((key, record) => this.#follow(key, record));
  }

  /** Undefined for an upstream that is not registered (any more). */
  get(key: string): ProductCluster | undefined {
    const known = this.#clusters.get(key);
    if (known !== undefined) {
      known.usedAtMs = this.#monotonicMs();
      return known;
    }
    const record = this.#options.state.get(key);
    if (record === undefined) return undefined;
    const cluster = new ProductCluster(record, this.#options, this.#monotonicMs);
    this.#clusters.set(key, cluster);
    return cluster;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#clusters.values()].map((cluster) => cluster.destroy()));
  }

  #follow(key: string, record: UpstreamRecord | undefined): void {
    const cluster = this.#clusters.get(key);
    if (cluster === undefined) return;
    if (record !== undefined) {
      cluster.update(record);
      return;
    }
    this.#clusters.delete(key);
    cluster.retire();
  }
}

export class ProductCluster implements Cluster {
  readonly label = 'The product behind this address';
  readonly isOurs = false;
  readonly monotonicMs: () => number;
  usedAtMs: number;
  readonly #options: ProductClustersOptions;
  readonly #instances = new Map<string, Instance>();
  #record: UpstreamRecord;
  #group: InstanceGroup;
  #probes: HealthProbes | null = null;

  constructor(record: UpstreamRecord, options: ProductClustersOptions, monotonicMs: () => number) {
    this.#options = options;
    this.#record = record;
    this.monotonicMs = monotonicMs;
    this.usedAtMs = monotonicMs();
    this.#group = this.#makeGroup();
    this.#apply();
    this.#probe();
  }

  get record(): UpstreamRecord {
    return this.#record;
  }

  group(): InstanceGroup {
    return this.#group;
  }

  /** Targets do not announce their successors. */
  async nextChange(): Promise<void> {}

  /** What stays the same keeps its connections and what is known of it; requests under way finish where they are. */
  update(record: UpstreamRecord): void {
    const before = this.#record;
    if (record.version === before.version) return;
    this.#record = record;
    const isRegrouped = record.balancing !== before.balancing || record.slowStartSeconds !== before.slowStartSeconds;
    if (isRegrouped) this.#group = this.#makeGroup([...this.#instances.values()]);
    this.#apply();
    this.#probe();
  }

  /** Takes no new requests; those under way finish. */
  retire(): void {
    this.#probes?.stop();
    for (const instance of this.#instances.values()) void instance.close().catch(() => undefined);
  }

  async destroy(): Promise<void> {
    this.#probes?.stop();
    await Promise.allSettled([...this.#instances.values()].map((instance) => instance.destroy()));
  }

  #makeGroup(instances: readonly Instance[] = []): InstanceGroup {
    const random = this.#options.random ?? Math.random;
    return new InstanceGroup({
      balancing: createBalancing(this.#record.balancing, random),
      slowStartMs: this.#record.slowStartSeconds * 1_000,
      monotonicMs: this.monotonicMs,
      random,
      instances,
    });
  }

  #apply(): void {
    const wanted = new Set(this.#record.targets.map(({ url }) => url));
    for (const [url, instance] of this.#instances) {
      if (wanted.has(url)) continue;
      this.#instances.delete(url);
      void instance.close().catch(() => undefined);
    }
    for (const { url, weight } of this.#record.targets) {
      const existing = this.#instances.get(url);
      if (existing !== undefined) existing.weight = weight;
      else this.#connect(url, weight);
    }
    this.#group.follow([...this.#instances.values()]);
  }

  #connect(url: string, weight: number): void {
    const target = readTargetUrl(url);
    if ('fault' in target) return; // cannot have been registered
    const { id, tenantId } = this.#record;
    const connect = guardedConnect({
      ...reachOf(this.#options.reach, tenantId),
      port: target.port,
      timeoutMs: CONNECT_TIMEOUT_MS,
    });
    const address = { instanceId: `${id} ${url}`, service: id, url, weight };
    this.#instances.set(url, new Instance(address, this.monotonicMs, { connect, keepAliveMs: KEEP_ALIVE_MS }));
  }

  #probe(): void {
    this.#probes?.stop();
    this.#probes = null;
    const { healthCheck } = this.#record;
    if (healthCheck === null) return;
    this.#probes = startHealthProbes(
      healthCheck,
      () => this.#group.instances,
      () => this.monotonicMs() - this.usedAtMs < UNUSED_MS,
    );
  }
}
