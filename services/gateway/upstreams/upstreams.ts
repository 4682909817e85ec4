import type { Discovery } from '@tenantry/mesh/discovery.ts';
import { RetryBudget } from '@tenantry/resilience/retry-budget.ts';
import { Instance } from './instance.ts';

const MAX_WAITING = 1_024;

export type UpstreamsOptions = {
  readonly discovery: Discovery;
  readonly monotonicMs?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
};

/** All instances that can be called, kept in step with the registry, and the choice among them. */
export class Upstreams {
  readonly monotonicMs: () => number;
  readonly #discovery: Discovery;
  readonly #random: () => number;
  readonly #instances = new Map<string, Instance>();
  readonly #budgets = new Map<string, RetryBudget>();
  readonly #waiting = new Set<() => void>();
  #byService: ReadonlyMap<string, readonly Instance[]> = new Map();

  constructor({ discovery, monotonicMs = () => performance.now(), random = Math.random }: UpstreamsOptions) {
    this.#discovery = discovery;
    this.monotonicMs = monotonicMs;
    this.#random = random;
    this.#follow();
    discovery.onChange(() => this.#follow());
  }

  instancesOf(service: string): readonly Instance[] {
    return this.#byService.get(service) ?? [];
  }

  budgetOf(service: string): RetryBudget {
    let budget = this.#budgets.get(service);
    if (budget === undefined) {
      budget = new RetryBudget({ monotonicMs: this.monotonicMs });
      this.#budgets.set(service, budget);
    }
    return budget;
  }

  /**
   * The better of two instances taken at random: nearly as good as the best of all, without everybody running to the
   * same one. Instances that refused connections a moment ago are skipped, unless there are no others.
   */
  pick(service: string, tried: readonly Instance[]): Instance | undefined {
    const all = this.instancesOf(service);
    if (all.length === 1 && tried.length === 0) return all[0];
    const fresh = all.filter((instance) => !tried.includes(instance));
    const standing = fresh.filter((instance) => !instance.isEjected);
    const candidates = standing.length > 0 ? standing : fresh;
    if (candidates.length <= 1) return candidates[0];
    const first = Math.floor(this.#random() * candidates.length);
    const second = (first + 1 + Math.floor(this.#random() * (candidates.length - 1))) % candidates.length;
    const [one, other] = [candidates[first], candidates[second]];
    const nowMs = this.monotonicMs();
    return one !== undefined && other !== undefined && other.load(nowMs) < one.load(nowMs) ? other : one;
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
    const records = this.#discovery.all().filter(({ status, service }) => status === 'up' && service !== 'gateway');
    const current = new Set(records.map((record) => record.instanceId));
    for (const [instanceId, instance] of this.#instances) {
      if (current.has(instanceId)) continue;
      this.#instances.delete(instanceId);
      void instance.close().catch(() => undefined);
    }
    for (const record of records) {
      const existing = this.#instances.get(record.instanceId);
      if (existing?.record.url === record.url) continue;
      void existing?.close().catch(() => undefined);
      this.#instances.set(record.instanceId, new Instance(record, this.monotonicMs));
    }
    this.#byService = Map.groupBy(this.#instances.values(), (instance) => instance.record.service);
    for (const wake of [...this.#waiting]) wake();
  }
}
