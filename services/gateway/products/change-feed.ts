import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { registrationChanged } from '@tenantry/contract/registration-changed.ts';
import { ensureStream, type Nats } from '@tenantry/events/nats.ts';
import type { PushedState } from '@tenantry/events/pushed-state.ts';
import type { RevisedBucket } from '@tenantry/events/revised-bucket.ts';
import { eventSubject } from '@tenantry/events/subjects.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import { type Change, isStanding, type Registered } from './records.ts';

const SWEEP_MS = 5_000;
/** Whoever made a change tells it at once; others step in only when that has not happened for so long. */
const OVERDUE_MS = 2_000;
const PUBLISH_TIMEOUT_MS = 5_000;
const MAX_ATTEMPTS = 5;

export type ChangeFeedOptions<Record extends Registered> = {
  readonly nats: Nats;
  readonly bucket: RevisedBucket<Record>;
  /** With what was removed. */
  readonly state: Pick<PushedState<Record>, 'entries'>;
  readonly logger: Logger;
  readonly sweepEveryMs?: number;
};

/**
 * Tells every change of a registration for the audit. A change lies in its own record until it is told, so a gateway that
 * is killed anywhere in between loses none: any other, or its successor, finds it there. What is told twice bears the same
 * id. Nobody tells a change before those that lie before it, so they come in their order.
 */
export class ChangeFeed<Record extends Registered> {
  readonly #options: ChangeFeedOptions<Record>;
  readonly #telling = new Map<string, Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #stream: Promise<void> | null = null;

  constructor(options: ChangeFeedOptions<Record>) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sweep(), options.sweepEveryMs ?? SWEEP_MS);
    this.#timer.unref();
  }

  /** Resolves when it is told, or could not be just now: then it is tried again by itself. */
  tell(key: string): Promise<void> {
    const earlier = this.#telling.get(key) ?? Promise.resolve();
    const turn = earlier
      .then(() => this.#tellAll(key))
      .catch((error: unknown) => {
        this.#options.logger.warn({ err: error, registration: key }, 'a change cannot be told for the audit yet');
      })
      .finally(() => {
        if (this.#telling.get(key) === turn) this.#telling.delete(key);
      });
    this.#telling.set(key, turn);
    return turn;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#telling.values()]);
  }

  #sweep(): void {
    for (const [key, record] of this.#options.state.entries()) {
      const [oldest] = record.unheard ?? [];
      if (oldest === undefined && isStanding(record)) continue;
      if (this.#telling.has(key)) continue;
      const sinceMs = Date.parse(oldest?.changedAt ?? record.updatedAt);
      if (Date.now() - sinceMs >= OVERDUE_MS) void this.tell(key);
    }
  }

  async #tellAll(key: string): Promise<void> {
    const { bucket } = this.#options;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const found = await bucket.get(key);
      if (found === null) return;
      const { unheard = [], ...told } = found.value;
      for (const change of unheard) await this.#publish(found.value, change);
      // Whoever has changed it meanwhile has left us more to tell; what was told already is known by its id.
      if (!isStanding(found.value)) {
        if (await bucket.remove(key, found.revision)) return;
      } else if (unheard.length === 0 || (await bucket.update(key, told as Record, found.revision))) return;
    }
  }

  async #publish({ id, tenantId }: Registered, change: Change): Promise<void> {
    const { nats } = this.#options;
    this.#stream ??= ensureStream(nats, registrationChanged.service);
    await this.#stream.catch((error: unknown) => {
      this.#stream = null;
      throw error;
    });
    const { eventId, traceparent, ...data } = change;
    const envelope: EventEnvelope = {
      specversion: '1.0',
      id: eventId,
      source: `/tenantry/${registrationChanged.service}`,
      type: registrationChanged.type,
      subject: id,
      time: change.changedAt,
      datacontenttype: 'application/json',
      tenantid: tenantId,
      aggregateversion: change.version,
      traceparent,
      data,
    };
    await nats.jetstream.publish(eventSubject(nats.namespace, envelope), JSON.stringify(envelope), {
      msgID: eventId,
      timeout: PUBLISH_TIMEOUT_MS,
    });
  }
}
