import type { Principal } from '@tenantry/auth/principal.ts';
import {
  type DeadLetterId,
  type DeadLetterViewBody,
  deadLetterId,
  deadLetterNotFound,
  deadLetterUnhandled,
  partsOfDeadLetterId,
} from '@tenantry/contract/dead-letters.ts';
import type { Databases } from '@tenantry/databases/factory.ts';
import {
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterPage,
  listDeadLetters,
  purgeDeadLetters,
  readDeadLetters,
} from '@tenantry/events/dead-letters.ts';
import { redriveDeadLetter } from '@tenantry/events/redrive.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { formatInstant } from '@tenantry/kernel/instant.ts';
import { recordAudit } from '../audit.ts';
import { findLettersOfTenants, findTenantOfLetter, removeLookups } from './dead-letter-walk.ts';

export type DeadLettersOptions = {
  readonly service: string;
  readonly databases: Pick<Databases<unknown>, 'withTenant' | 'lookups'>;
  /** Types of events that somebody here handles. */
  readonly handledTypes: ReadonlySet<string>;
};

/** Who asks, and how far that reaches: one's own tenant, or all. */
export type Asker = { readonly principal: Principal; readonly scope: 'tenant' | 'platform' };

export type FoundLetters = { readonly data: DeadLetterViewBody[]; readonly lookedAtUuid: string | null };

const PORTION = 200;
/** A filter that fits next to nothing must not hold a request for ever; whoever asked goes on from where it got to. */
const MAX_PORTIONS = 10;

/** What can be done with the letters of one service. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Newest event first. */
  async list(
    { principal, scope }: Asker,
    filter: DeadLetterFilter & { readonly tenantId?: TenantId | undefined },
    page: DeadLetterPage,
  ): Promise<FoundLetters> {
    if (scope === 'platform') return this.#listOfAll(filter, page);
    if (filter.tenantId !== undefined && filter.tenantId !== principal.tenantId)
      return { data: [], lookedAtUuid: null };
    const letters = await this.#options.databases.withTenant(principal.tenantId, (uow) =>
      listDeadLetters(uow, filter, page),
    );
    const isFull = letters.length === page.limit;
    return { data: letters.map(this.#toView), lookedAtUuid: isFull ? (letters.at(-1)?.uuid ?? null) : null };
  }

  async read(asker: Asker, id: DeadLetterId): Promise<DeadLetterViewBody> {
    const { tenantId, uuid } = await this.#find(asker, id);
    const [letter] = await this.#options.databases.withTenant(tenantId, (uow) => readDeadLetters(uow, {}, [uuid]));
    if (letter === undefined) throw notThere(id);
    return this.#toView(letter);
  }

  async redrive(asker: Asker, id: DeadLetterId): Promise<DeadLetterViewBody> {
    const { tenantId, uuid } = await this.#find(asker, id);
    return this.#options.databases.withTenant(tenantId, async (uow) => {
      const [found] = await readDeadLetters(uow, {}, [uuid]);
      if (found === undefined) throw notThere(id);
      const { type } = found.event;
      if (!this.#options.handledTypes.has(type) && found.state !== 'handled')
        throw deadLetterUnhandled(`Nobody in ${this.#options.service} handles ${type} any more. Purge ${id} instead.`);
      const redriven = await redriveDeadLetter(uow, uuid);
      if (redriven === null) throw notThere(id);
      if (redriven.isSent)
        await recordAudit(uow, asker.principal, {
          action: 'dead-letter:redrive',
          resource: id,
          detail: { eventId: found.event.id, type },
        });
      return this.#toView(redriven.letter);
    });
  }

  async purge(asker: Asker, id: DeadLetterId): Promise<void> {
    const { tenantId, uuid } = await this.#find(asker, id);
    const purged = await this.#purge(asker, tenantId, {}, [uuid]);
    if (purged === 0) throw notThere(id);
  }

  /** A portion of everybody's; asked again with `lookedAtUuid` until that is null. */
  async purgePortion(
    asker: Asker,
    filter: DeadLetterFilter & { readonly tenantId?: TenantId | undefined },
    beforeUuid: string | null,
  ): Promise<{ readonly purged: number; readonly lookedAtUuid: string | null }> {
    const page = { beforeUuid, limit: PORTION };
    const { byTenant, lastUuid } = await findLettersOfTenants(this.#options.databases.lookups, filter.tenantId, page);
    let purged = 0;
    for (const [tenantId, uuids] of byTenant) purged += await this.#purge(asker, tenantId, filter, uuids);
    return { purged, lookedAtUuid: lastUuid };
  }

  async #purge(
    { principal }: Asker,
    tenantId: TenantId,
    filter: DeadLetterFilter,
    uuids: readonly string[],
  ): Promise<number> {
    const { databases, service } = this.#options;
    const purged = await databases.withTenant(tenantId, async (uow) => {
      const gone = await purgeDeadLetters(uow, filter, uuids);
      for (const uuid of gone)
        await recordAudit(uow, principal, { action: 'dead-letter:purge', resource: deadLetterId(service, uuid) });
      return gone;
    });
    await removeLookups(databases.lookups, tenantId, purged);
    return purged.length;
  }

  async #listOfAll(
    filter: DeadLetterFilter & { readonly tenantId?: TenantId | undefined },
    page: DeadLetterPage,
  ): Promise<FoundLetters> {
    const { databases } = this.#options;
    const found: DeadLetter[] = [];
    let from: DeadLetterPage = { ...page, limit: PORTION };
    for (let portion = 1; ; portion++) {
      const { byTenant, lastUuid } = await findLettersOfTenants(databases.lookups, filter.tenantId, from);
      for (const [tenantId, uuids] of byTenant)
        found.push(...(await databases.withTenant(tenantId, (uow) => readDeadLetters(uow, filter, uuids))));
      if (found.length >= page.limit || lastUuid === null || portion === MAX_PORTIONS) {
        const sorted = found.toSorted((one, other) => (one.uuid < other.uuid ? 1 : -1));
        const shown = sorted.slice(0, page.limit);
        const isCut = sorted.length > shown.length;
        return { data: shown.map(this.#toView), lookedAtUuid: isCut ? (shown.at(-1)?.uuid ?? null) : lastUuid };
      }
      from = { beforeUuid: lastUuid, limit: PORTION };
    }
  }

  async #find({ principal, scope }: Asker, id: DeadLetterId): Promise<{ tenantId: TenantId; uuid: string }> {
    const { service, eventUuid: uuid } = partsOfDeadLetterId(id);
    if (service !== this.#options.service) throw notThere(id);
    if (scope === 'tenant') return { tenantId: principal.tenantId, uuid };
    const tenantId = await findTenantOfLetter(this.#options.databases.lookups, uuid);
    if (tenantId === null) throw notThere(id);
    return { tenantId, uuid };
  }

  readonly #toView = ({ event, ...letter }: DeadLetter): DeadLetterViewBody => ({
    id: deadLetterId(this.#options.service, letter.uuid),
    tenantId: event.tenantid as TenantId,
    service: this.#options.service,
    consumer: letter.consumer,
    event: {
      id: event.id as `evt_${string}`,
      type: event.type,
      subject: event.subject,
      version: event.aggregateversion,
      time: event.time,
      data: event.data,
    },
    cause: letter.cause,
    attempts: letter.attempts,
    state: letter.state,
    diedAt: formatInstant(letter.diedAt),
    redrives: letter.redrives,
    redrivenAt: letter.redrivenAt === null ? null : formatInstant(letter.redrivenAt),
    handledAt: letter.handledAt === null ? null : formatInstant(letter.handledAt),
  });
}

const notThere = (id: string) => deadLetterNotFound(`There is no dead letter ${id}.`);
