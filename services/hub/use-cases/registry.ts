import type { Clock } from '@tenantry/kernel/clock.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import type { InstanceAnnouncement } from '@tenantry/kit/lifecycle/registration.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { InstanceRecord } from '@tenantry/mesh/registry.ts';
import { judgeLeases, type LeaseTerms, type Preservation } from '../domain/lease.ts';
import { findTakenRoute } from '../domain/routes-taken.ts';
import { routeTaken } from '../problems.ts';
import type { RegistryStore } from '../store/registry-store.ts';

export type RegistryDeps = {
  readonly store: RegistryStore;
  readonly terms: LeaseTerms;
  readonly clock: Clock;
  readonly monotonicMs: () => number;
  readonly logger: Logger;
};

/**
 * The registry in memory, with the bucket as its image. Leases live here only: a beat costs no write. Changes are made
 * one after another, so that generations and replacements have one order.
 */
export class Registry {
  readonly #deps: RegistryDeps;
  readonly #records = new Map<string, InstanceRecord>();
  readonly #lastBeatMs = new Map<string, number>();
  #preservation: Preservation = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  get records(): readonly InstanceRecord[] {
    return [...this.#records.values()];
  }

  get isPreserving(): boolean {
    return this.#preservation !== null;
  }

  lastBeatAgeMs(instanceId: string): number {
    return Math.round(this.#deps.monotonicMs() - (this.#lastBeatMs.get(instanceId) ?? 0));
  }

  /** What an earlier hub knew; everybody gets a whole lease to be heard of again. */
  async restore(): Promise<void> {
    const nowMs = this.#deps.monotonicMs();
    for (const record of await this.#deps.store.load()) {
      this.#records.set(record.instanceId, record);
      this.#lastBeatMs.set(record.instanceId, nowMs);
    }
  }

  register(announcement: InstanceAnnouncement): Promise<InstanceRecord> {
    return this.#inTurn(async () => {
      const { store, clock, monotonicMs, logger } = this.#deps;
      // One address, one process: whoever was registered there before is dead, whatever its lease says.
      const replaced = this.records.filter(
        ({ url, instanceId }) => url === announcement.url && instanceId !== announcement.instanceId,
      );
      const staying = this.records.filter((record) => !replaced.includes(record));
      const taken = findTakenRoute(announcement, staying);
      if (taken !== null)
        throw routeTaken(`${taken.route} belongs to the service ${taken.service}. Rename it, or stop the other one.`);
      const record: InstanceRecord = {
        ...announcement,
        status: 'up',
        generation: await store.nextGeneration(),
        registeredAt: formatInstant(clock.now()),
      };
      await store.put(record);
      this.#records.set(record.instanceId, record);
      this.#lastBeatMs.set(record.instanceId, monotonicMs());
      logger.info({ instanceId: record.instanceId, url: record.url, generation: record.generation }, 'registered');
      // After the put, so that no reader sees the service without an instance in between.
      for (const old of replaced) await this.#drop(old, 'replaced by a newer process at its address');
      return record;
    });
  }

  /** False when the instance is unknown: it has to register again with its full record. */
  renew(instanceId: string): boolean {
    if (!this.#records.has(instanceId)) return false;
    this.#lastBeatMs.set(instanceId, this.#deps.monotonicMs());
    return true;
  }

  remove(instanceId: string): Promise<void> {
    return this.#inTurn(async () => {
      const record = this.#records.get(instanceId);
      if (record !== undefined) await this.#drop(record, 'left');
    });
  }

  /** Removes whose lease is over. Called again and again; one that fails is made up for by the next. */
  sweep(): Promise<void> {
    return this.#inTurn(async () => {
      const { monotonicMs, terms, logger } = this.#deps;
      const nowMs = monotonicMs();
      const verdict = judgeLeases(this.#lastBeatMs, this.#preservation, nowMs, terms);
      this.#preservation = verdict.preservation;
      if (verdict.change === 'entered')
        logger.error('most instances fell silent at once: self-preservation keeps them in the registry for a while');
      if (verdict.change === 'left') logger.info('self-preservation ended: enough instances are heard of again');
      if (verdict.change === 'gave-up') logger.error('self-preservation ended: the silent instances are given up');
      for (const instanceId of verdict.expired) {
        const record = this.#records.get(instanceId);
        if (record !== undefined) await this.#drop(record, 'lease expired');
      }
    });
  }

  /** Makes the bucket equal to what is known here, for a bucket that was lost or came back older. */
  reconcile(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#deps.store.reopen();
      const stored = new Map((await this.#deps.store.load()).map((record) => [record.instanceId, record]));
      for (const record of this.records) {
        if (stored.get(record.instanceId)?.generation !== record.generation) await this.#deps.store.put(record);
        stored.delete(record.instanceId);
      }
      for (const unknown of stored.values()) await this.#deps.store.remove(unknown);
    });
  }

  /** A hub that did not run for a while heard nobody in that time; that is not the instances' silence. */
  excuseAbsence(absentMs: number): void {
    const nowMs = this.#deps.monotonicMs();
    for (const [instanceId, beatMs] of this.#lastBeatMs)
      this.#lastBeatMs.set(instanceId, Math.min(nowMs, beatMs + absentMs));
  }

  async #drop(record: InstanceRecord, reason: string): Promise<void> {
    await this.#deps.store.remove(record);
    this.#records.delete(record.instanceId);
    this.#lastBeatMs.delete(record.instanceId);
    this.#deps.logger.info({ instanceId: record.instanceId, url: record.url, reason }, 'removed from the registry');
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
