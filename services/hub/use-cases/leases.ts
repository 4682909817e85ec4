import type { Heartbeat } from '@tenantry/kit/lifecycle/heartbeat.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { judgeLeases, type LeaseTerms, type Preservation, type SweepVerdict } from '../domain/lease.ts';

type Lease = { readonly generation: number; readonly heardMs: number; readonly beat: Heartbeat | null };

/** When each instance was last heard of, by this hub or through another one, and what it said. */
export class Leases {
  readonly #terms: LeaseTerms;
  readonly #monotonicMs: () => number;
  readonly #leases = new Map<string, Lease>();
  #preservation: Preservation = null;

  constructor(terms: LeaseTerms, monotonicMs: () => number) {
    this.#terms = terms;
    this.#monotonicMs = monotonicMs;
  }

  get isPreserving(): boolean {
    return this.#preservation !== null;
  }

  /** A registration counts as having been heard of; told twice, it counts once. */
  grant({ instanceId, generation }: InstanceRecord): void {
    const lease = this.#leases.get(instanceId);
    if (lease !== undefined && lease.generation >= generation) return;
    this.#leases.set(instanceId, { generation, heardMs: this.#monotonicMs(), beat: lease?.beat ?? null });
  }

  /** False for a beat that is not newer than the last: it says nothing about now. */
  renew(instanceId: string, beat: Heartbeat): boolean {
    const lease = this.#leases.get(instanceId);
    if (lease === undefined || (lease.beat?.sequence ?? 0) >= beat.sequence) return false;
    this.#leases.set(instanceId, { ...lease, heardMs: this.#monotonicMs(), beat });
    return true;
  }

  /** Known to be alive without having said so. */
  touch(instanceId: string): void {
    const lease = this.#leases.get(instanceId);
    if (lease !== undefined) this.#leases.set(instanceId, { ...lease, heardMs: this.#monotonicMs() });
  }

  end(instanceId: string): void {
    this.#leases.delete(instanceId);
  }

  beatOf(instanceId: string): Heartbeat | null {
    return this.#leases.get(instanceId)?.beat ?? null;
  }

  ageMs(instanceId: string): number {
    return Math.round(this.#monotonicMs() - (this.#leases.get(instanceId)?.heardMs ?? 0));
  }

  /** A beat is late: it may be nothing, but whoever shows health says so. */
  isSilent(instanceId: string): boolean {
    return this.ageMs(instanceId) >= this.#terms.leaseMs - this.#terms.heartbeatMs;
  }

  judge(): SweepVerdict {
    const lastBeatMs = new Map([...this.#leases].map(([instanceId, { heardMs }]) => [instanceId, heardMs]));
    const verdict = judgeLeases(lastBeatMs, this.#preservation, this.#monotonicMs(), this.#terms);
    this.#preservation = verdict.preservation;
    return verdict;
  }

  /** A hub that did not run, or was cut off, heard nobody in that time; that is not the instances' silence. */
  excuse(absentMs: number): void {
    const nowMs = this.#monotonicMs();
    for (const [instanceId, lease] of this.#leases)
      this.#leases.set(instanceId, { ...lease, heardMs: Math.min(nowMs, lease.heardMs + absentMs) });
  }
}
