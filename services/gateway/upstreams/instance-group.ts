import { RetryBudget } from '@tenantry/resilience/retry-budget.ts';
import type { Balancing } from './balancing/candidate.ts';
import { Outliers } from './balancing/outliers.ts';
import { warmth } from './balancing/slow-start.ts';
import type { Instance } from './instance.ts';

export type InstanceGroupOptions = {
  readonly balancing: Balancing;
  readonly slowStartMs: number;
  readonly monotonicMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Of the instances that there are from the beginning: they are as warm as they will be. */
  readonly instances?: readonly Instance[];
};

/** The instances that answer the same requests, and the choice among them. */
export class InstanceGroup {
  readonly budget: RetryBudget;
  readonly #options: InstanceGroupOptions;
  readonly #outliers = new Outliers<Instance>();
  /** When each came; those of the beginning are not in it. */
  readonly #cameAtMs = new WeakMap<Instance, number>();
  #instances: readonly Instance[];

  constructor(options: InstanceGroupOptions) {
    this.#options = options;
    this.#instances = options.instances ?? [];
    this.#outliers.follow(this.#instances);
    this.budget = new RetryBudget({ monotonicMs: options.monotonicMs });
  }

  get instances(): readonly Instance[] {
    return this.#instances;
  }

  /** The first that ever come are not slowed down: there is nobody to take their share. */
  follow(instances: readonly Instance[]): void {
    if (this.#instances.length > 0) {
      const nowMs = this.#options.monotonicMs();
      for (const instance of instances) if (!this.#instances.includes(instance)) this.#cameAtMs.set(instance, nowMs);
    }
    this.#instances = instances;
    this.#outliers.follow(instances);
  }

  /**
   * One of those that have not been tried. Who refused connections, fails its health check or does worse than its peers
   * is passed over, unless nobody else is left: the last is never taken away.
   */
  pick(tried: readonly Instance[], key: string): Instance | undefined {
    const all = this.#instances;
    if (all.length === 1 && tried.length === 0) return all[0];
    const nowMs = this.#options.monotonicMs();
    const fresh = tried.length === 0 ? all : all.filter((instance) => !tried.includes(instance));
    const standing = fresh.filter((instance) => this.#isStanding(instance, nowMs));
    const candidates = this.#warm(standing.length > 0 ? standing : fresh, nowMs);
    if (candidates.length <= 1) return candidates[0];
    return this.#options.balancing.choose(candidates, { nowMs, key });
  }

  /** Whether one that has not been tried takes requests as far as we know. */
  hasStanding(tried: readonly Instance[]): boolean {
    const nowMs = this.#options.monotonicMs();
    return this.#instances.some((instance) => !tried.includes(instance) && this.#isStanding(instance, nowMs));
  }

  /** How a request to an instance went, as far as that says something about the instance. */
  judge(instance: Instance, isFailure: boolean): void {
    this.#outliers.record(instance, isFailure, this.#options.monotonicMs());
  }

  #isStanding(instance: Instance, nowMs: number): boolean {
    return !instance.isEjected && !instance.isUnwell && !this.#outliers.isEjected(instance, nowMs);
  }

  /** Leaves out the cold ones most of the time, and less and less. */
  #warm(candidates: readonly Instance[], nowMs: number): readonly Instance[] {
    const { slowStartMs, random } = this.#options;
    if (slowStartMs <= 0 || candidates.length <= 1) return candidates;
    const warm = candidates.filter((instance) => {
      const cameAtMs = this.#cameAtMs.get(instance) ?? Number.NEGATIVE_INFINITY;
      const backAtMs = this.#outliers.ejectedUntilMs(instance) || Number.NEGATIVE_INFINITY;
      const share = warmth(nowMs - Math.max(cameAtMs, backAtMs, instance.recoveredAtMs), slowStartMs);
      return share >= 1 || random() < share;
    });
    return warm.length > 0 ? warm : candidates;
  }
}
