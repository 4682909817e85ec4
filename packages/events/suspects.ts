import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantUnitOfWork, WithTenant } from '@tenantry/databases/unit-of-work.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { endAttempt, forgetAttempts, noteAttempt, noteFirstAttempt } from './attempt-log.ts';

/**
 * The messages of one consumer that whoever led before us may have had under way when it ended, perhaps because of one of
 * them; by their place in the stream. What is noted of them outlives this process.
 */
export class Suspects<Tables> {
  readonly #withTenant: WithTenant<Tables>;
  readonly #consumer: string;
  #upTo = 0;
  /** Whose last attempt ended here, although its note is still there. */
  readonly #ended = new Set<number>();

  constructor(withTenant: WithTenant<Tables>, consumer: string) {
    this.#withTenant = withTenant;
    this.#consumer = consumer;
  }

  /** For whoever has just begun to lead. */
  beginAnew(upTo: number): void {
    this.#upTo = upTo;
    this.#ended.clear();
  }

  has(sequence: number): boolean {
    return sequence <= this.#upTo;
  }

  /** @returns false when there is a note of another attempt: it has to be alone, see `beginAlone` */
  beginInCompany(event: EventEnvelope): Promise<boolean> {
    return noteFirstAttempt(this.#withTenant, this.#consumer, event);
  }

  /** @returns how many attempts before this one were begun and never ended */
  async beginAlone(sequence: number, event: EventEnvelope): Promise<number> {
    const unfinished = await noteAttempt(this.#withTenant, this.#consumer, event, this.#ended.has(sequence));
    this.#ended.delete(sequence);
    return unfinished;
  }

  /** The attempt has ended, if not well. Should this not get through, only its author knows so. */
  async end(sequence: number, event: EventEnvelope): Promise<void> {
    await endAttempt(this.#withTenant, this.#consumer, event).catch(() => this.#ended.add(sequence));
  }

  forget(uow: TenantUnitOfWork<Tables>, event: EventEnvelope): Promise<void> {
    return forgetAttempts(uow as TenantUnitOfWork, this.#consumer, event);
  }

  forgetNow(event: EventEnvelope): Promise<void> {
    return this.#withTenant(event.tenantid as TenantId, (uow) => this.forget(uow, event));
  }
}
