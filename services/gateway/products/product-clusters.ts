import { isDeepStrictEqual } from 'node:util';
import type { PushedState } from '@tenantry/events/pushed-state.ts';
import { createBalancing } from '../upstreams/balancing/create-balancing.ts';
import type { Cluster } from '../upstreams/cluster.ts';
import { CONNECT_TIMEOUT_MS, Instance, type StandingRefusal } from '../upstreams/instance.ts';
import { InstanceGroup } from '../upstreams/instance-group.ts';
import { identityOf } from './client-certificate.ts';
import { type Reach, reachOf } from './complete-upstream.ts';
import { type HealthProbes, startHealthProbes } from './health-probes.ts';
import { withoutPublic } from './network/address-guard.ts';
import { guardedConnect } from './network/guarded-connect.ts';
import { readTargetUrl } from './network/target-url.ts';
import type { UpstreamRecord } from './records.ts';
import { openAll, type SecretHeaders } from './secret-headers.ts';

/** Less than any usual server keeps an idle connection: of two that close it at once, the one that also sends loses. */
const KEEP_ALIVE_MS = 4_000;
/** Over TLS it takes two or three ways there and back, and a product may be far away. */
const SECURE_CONNECT_TIMEOUT_MS = 3_000;
/** An upstream that nobody has asked for so long is not probed. */
const UNUSED_MS = 300_000;

export type ProductClustersOptions = {
  readonly state: PushedState<UpstreamRecord>;
  readonly reach: Reach;
  readonly secrets: SecretHeaders;
  readonly onRefusal?: (record: UpstreamRecord, url: string, refusal: StandingRefusal | null) => void;
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

  /** Without making it, and without keeping it in use. */
  peek(key: string): ProductCluster | undefined {
    return this.#clusters.get(key);
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

/** A record of a release that knew nothing of this has none. */
const trustOf = ({ tls }: Partial<Pick<UpstreamRecord, 'tls'>>): UpstreamRecord['tls'] => tls ?? null;

const clientCertificateOf = ({ clientCertificate }: Partial<Pick<UpstreamRecord, 'clientCertificate'>>) =>
  clientCertificate ?? null;

const hasSecrets = ({ secretHeaders }: Partial<Pick<UpstreamRecord, 'secretHeaders'>>): boolean =>
  (secretHeaders ?? []).length > 0;

/** Null also where its targets would not be shown who is calling. */
const secretsOf = (secrets: SecretHeaders, record: UpstreamRecord): readonly string[] | null =>
  identityOf(secrets, record) === 'unreadable' ? null : openAll(secrets, record);

export class ProductCluster implements Cluster {
  readonly label = 'The product behind this address';
  readonly isOurs = false;
  readonly monotonicMs: () => number;
  usedAtMs: number;
  readonly #options: ProductClustersOptions;
  readonly #instances = new Map<string, Instance>();
  #record: UpstreamRecord;
  #secretPairs: readonly string[] | null;
  #group: InstanceGroup;
  #probes: HealthProbes | null = null;

  constructor(record: UpstreamRecord, options: ProductClustersOptions, monotonicMs: () => number) {
    this.#options = options;
    this.#record = record;
    this.#secretPairs = secretsOf(options.secrets, record);
    this.monotonicMs = monotonicMs;
    this.usedAtMs = monotonicMs();
    this.#group = this.#makeGroup();
    this.#apply();
    this.#probe();
  }

  get record(): UpstreamRecord {
    return this.#record;
  }

  /** Names and values in turn; null when they cannot be read, and nothing may be sent without them. */
  get secretPairs(): readonly string[] | null {
    return this.#secretPairs;
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
    this.#secretPairs = secretsOf(this.#options.secrets, record);
    const isSameToThem =
      isDeepStrictEqual(trustOf(record), trustOf(before)) &&
      isDeepStrictEqual(clientCertificateOf(record), clientCertificateOf(before));
    if (!isSameToThem) this.#forget('https:');
    if (hasSecrets(record) !== hasSecrets(before)) this.#forget('http:');
    const isRegrouped = record.balancing !== before.balancing || record.slowStartSeconds !== before.slowStartSeconds;
    if (isRegrouped) this.#group = this.#makeGroup([...this.#instances.values()]);
    this.#apply();
    this.#probe();
  }

  targetAt(url: string): Instance | undefined {
    return this.#instances.get(url);
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

  /**
   * Connections that were made by other rules take nothing more: for whom other authorities vouched, or where we were
   * somebody else (and what those connections could be resumed from), or where secrets may not be sent.
   */
  #forget(scheme: 'http:' | 'https:'): void {
    for (const [url, instance] of this.#instances) {
      if (!url.startsWith(scheme)) continue;
      this.#instances.delete(url);
      void instance.close().catch(() => undefined);
    }
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
    const { guard, resolve } = reachOf(this.#options.reach, tenantId);
    const identity = identityOf(this.#options.secrets, this.#record);
    const isBare = url.startsWith('http:') && hasSecrets(this.#record);
    const connect = guardedConnect({
      guard: isBare ? withoutPublic(guard) : guard,
      resolve,
      port: target.port,
      timeoutMs: url.startsWith('https:') ? SECURE_CONNECT_TIMEOUT_MS : CONNECT_TIMEOUT_MS,
      trust: trustOf(this.#record),
      identity: identity === 'unreadable' ? null : identity,
    });
    const { onRefusal } = this.#options;
    const address = { instanceId: `${id} ${url}`, service: id, url, weight };
    const options = {
      connect,
      keepAliveMs: KEEP_ALIVE_MS,
      onRefusal: (_address: unknown, refusal: StandingRefusal | null) => onRefusal?.(this.#record, url, refusal),
    };
    this.#instances.set(url, new Instance(address, this.monotonicMs, options));
  }

  #probe(): void {
    this.#probes?.stop();
    this.#probes = null;
    const { healthCheck } = this.#record;
    if (healthCheck === null) return;
    this.#probes = startHealthProbes(
      healthCheck,
      () => this.#group.instances,
      () => this.#secretPairs,
      () => this.monotonicMs() - this.usedAtMs < UNUSED_MS,
    );
  }
}
