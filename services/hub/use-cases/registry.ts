import type { SharedState } from '@tenantry/events/shared-state.ts';
import type { Clock } from '@tenantry/kernel/clock.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { notFound, upstreamUnavailable } from '@tenantry/kernel/problems.ts';
import type { Heartbeat } from '@tenantry/kit/lifecycle/heartbeat.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import { type InstanceRecord, registryKey } from '@tenantry/mesh/registry.ts';
import { type Announcement, admit, findReplaced } from '../domain/registration.ts';
import { generationStale, instanceLeft } from '../problems.ts';
import type { BeatStore } from '../store/beat-store.ts';
import type { Departure, Departures } from '../store/departures.ts';
import type { Leases } from './leases.ts';

export type RegistryDeps = {
  readonly state: SharedState<InstanceRecord>;
  readonly beats: BeatStore;
  readonly departures: Departures;
  readonly leases: Leases;
  /** The hub's own entry: whoever judges is alive. */
  readonly ownId: string;
  /** Whether the other hubs can be heard. While they cannot, nobody is judged. */
  readonly isConnected: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * The registry as all hubs write it. Records are in the shared bucket, where each change is decided on all before it;
 * leases are in the memory of every hub, and each tells the others what it hears.
 */
export class Registry {
  readonly #deps: RegistryDeps;
  readonly #byId = new Map<string, InstanceRecord>();
  readonly #sharing = new Set<string>();

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
    const { state, beats, leases } = deps;
    for (const record of state.entries().values()) this.#learn(record);
    state.onChange((key, record) => {
      if (record === undefined) this.#forget(key);
      else this.#learn(record);
    });
    for (const beat of beats.all()) leases.renew(beat.instanceId, beat);
    beats.onBeat((beat) => leases.renew(beat.instanceId, beat));
    state.onLost((known) => void this.#refill([...known.values()]));
  }

  /** As far as it is known; throws while neither the bucket nor a snapshot of it has told anything. */
  get records(): readonly InstanceRecord[] {
    if (!this.#deps.state.isKnown()) throw notReadYet();
    return [...this.#byId.values()];
  }

  get isKnown(): boolean {
    return this.#deps.state.isKnown();
  }

  async register(announcement: Announcement): Promise<InstanceRecord> {
    const { state, departures, leases, clock, logger, isConnected } = this.#deps;
    const { instanceId, url } = announcement;
    // At once: whoever registers has another hub to ask, and two seconds of patience.
    if (!isConnected())
      throw upstreamUnavailable(
        'The registry cannot be written: this hub has no connection to NATS. Try again shortly.',
        {
          retryAfterSeconds: 1,
        },
      );
    if (!state.isWhole() || !departures.isWhole()) throw notReadYet();
    await this.#refuseWhoLeft(instanceId);
    const registeredAt = formatInstant(clock.now());
    const { record, isRepeated } = await state.change((entries, number) => {
      const admitted = admit(announcement, [...entries.values()], number, registeredAt);
      return admitted.isRepeated
        ? { outcome: admitted }
        : { key: registryKey(admitted.record), value: admitted.record, outcome: admitted };
    });
    if (isRepeated) return record;
    leases.grant(record);
    logger.info({ instanceId, url, generation: record.generation }, 'registered');
    // After the put, so that no reader sees the service without an instance in between.
    await this.#dropReplaced();
    // Its leave may have been noted between our question and our write, by a hub that found nothing to remove.
    await this.#refuseWhoLeft(instanceId);
    return record;
  }

  /** Throws `not-found` for an instance that has to register again with its full record. */
  async renew(instanceId: string, beat: Heartbeat): Promise<void> {
    const record = this.#byId.get(instanceId);
    if (record === undefined && !this.#deps.state.isWhole()) throw notReadYet();
    if (record === undefined) throw notFound(`The registry does not know ${instanceId}. Register it again.`);
    if (beat.generation < record.generation)
      throw generationStale(`${instanceId} is registered with generation ${record.generation} by now. Register again.`);
    if (!this.#deps.leases.renew(instanceId, beat)) return;
    this.#share(record, beat);
    if (beat.status !== record.status) await this.#setStatus(instanceId, beat.status);
  }

  async remove(instanceId: string): Promise<void> {
    const record = this.#byId.get(instanceId);
    const service = record?.service ?? instanceId.slice(0, instanceId.indexOf('-'));
    // First: a registration that comes later, or that another hub is just writing, must find it.
    await this.#note({ instanceId, service, tenants: record?.tenants ?? null }, 'left');
    await this.#drop({ instanceId, service }, 'left');
  }

  /** Removes whose lease is over. Called again and again, by every hub: doing it twice is doing it once. */
  async sweep(): Promise<void> {
    const { state, leases, beats, isConnected, ownId, logger } = this.#deps;
    if (!isConnected() || !state.isWhole()) return;
    leases.touch(ownId);
    const { expired, change } = leases.judge();
    if (change === 'entered')
      logger.error('most instances fell silent at once: self-preservation keeps them in the registry for a while');
    if (change === 'left') logger.info('self-preservation ended: enough instances are heard of again');
    if (change === 'gave-up') logger.error('self-preservation ended: the silent instances are given up');
    for (const instanceId of expired) {
      const record = this.#byId.get(instanceId);
      if (record === undefined) leases.end(instanceId);
      else await this.#expire(record, await beats.latest(record));
    }
    await this.#dropReplaced();
  }

  /** What another hub heard, and has not reached us, keeps an instance in. */
  async #expire(record: InstanceRecord, latest: Heartbeat | null): Promise<void> {
    if (latest !== null && this.#deps.leases.renew(record.instanceId, latest)) return;
    await this.#note(record, 'expired');
    await this.#drop(record, 'lease expired', record.generation);
  }

  async #dropReplaced(): Promise<void> {
    for (const old of findReplaced(this.records)) {
      await this.#note(old, 'replaced');
      await this.#drop(old, 'replaced by a newer process at its address', old.generation);
    }
  }

  /** Removes a record, unless it has been made anew since it was looked at. */
  async #drop(who: Pick<InstanceRecord, 'service' | 'instanceId'>, reason: string, generation?: number): Promise<void> {
    const key = registryKey(who);
    const dropped = await this.#deps.state.change((entries) => {
      const standing = entries.get(key);
      const isMeant = standing !== undefined && (generation === undefined || standing.generation === generation);
      return isMeant ? { key, outcome: standing } : { outcome: null };
    });
    if (dropped === null) return;
    const { instanceId, url } = dropped;
    this.#deps.logger.info({ instanceId, url, reason }, 'removed from the registry');
  }

  async #setStatus(instanceId: string, status: InstanceRecord['status']): Promise<void> {
    await this.#deps.state.change((entries) => {
      const standing = [...entries.values()].find((record) => record.instanceId === instanceId);
      return standing === undefined || standing.status === status
        ? { outcome: undefined }
        : { key: registryKey(standing), value: { ...standing, status }, outcome: undefined };
    });
  }

  async #refuseWhoLeft(instanceId: string): Promise<void> {
    if (!(await this.#deps.departures.hasLeft(instanceId))) return;
    const record = this.#byId.get(instanceId);
    if (record !== undefined) await this.#drop(record, 'left');
    throw instanceLeft(`${instanceId} has left. A new process registers with an id of its own.`);
  }

  #note(who: Pick<InstanceRecord, 'instanceId' | 'service' | 'tenants'>, reason: Departure['reason']): Promise<void> {
    const { instanceId, service, tenants = null } = who;
    const at = formatInstant(this.#deps.clock.now());
    return this.#deps.departures.note({ instanceId, service, tenants, reason, at });
  }

  /** At most one on the way per instance: while NATS is away, beats must not pile up. */
  #share(record: InstanceRecord, beat: Heartbeat): void {
    const { instanceId } = record;
    if (this.#sharing.has(instanceId)) return;
    this.#sharing.add(instanceId);
    this.#deps.beats
      .share(record, beat)
      .catch(() => undefined)
      .finally(() => this.#sharing.delete(instanceId));
  }

  /** The bucket came back without what it had. Whoever of us is first puts a record back; what is new in it stays. */
  async #refill(known: readonly InstanceRecord[]): Promise<void> {
    this.#deps.logger.error({ instances: known.length }, 'the registry was lost; it is filled again from memory');
    for (const record of known.toSorted((a, b) => a.generation - b.generation)) {
      const key = registryKey(record);
      await this.#deps.state
        .change((entries) => (entries.has(key) ? { outcome: null } : { key, value: record, outcome: null }))
        .catch((error: unknown) => this.#deps.logger.warn({ err: error, key }, 'it will have to register again'));
    }
  }

  #learn(record: InstanceRecord): void {
    this.#byId.set(record.instanceId, record);
    this.#deps.leases.grant(record);
  }

  #forget(key: string): void {
    const instanceId = key.slice(key.indexOf('.') + 1);
    this.#byId.delete(instanceId);
    this.#deps.leases.end(instanceId);
  }
}

const notReadYet = () =>
  upstreamUnavailable('The registry has not been read yet: this hub waits for NATS. Try again shortly.', {
    retryAfterSeconds: 1,
  });
