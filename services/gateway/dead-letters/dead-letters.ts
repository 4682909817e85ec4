import { reachOf } from '@tenantry/auth/permissions.ts';
import type { Principal } from '@tenantry/auth/principal.ts';
import {
  type DeadLetterId,
  type DeadLetterViewBody,
  deadLetterEndpoints,
  deadLetterNotFound,
  partsOfDeadLetterId,
} from '@tenantry/contract/dead-letters.ts';
import type { BodyOf, QueryOf } from '@tenantry/contract/endpoint.ts';
import { Problem } from '@tenantry/kernel/problem.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import type { Mesh } from '@tenantry/mesh/client.ts';
import type * as contract from '../contract/dead-letters.ts';
import { mergePages, type PartialPage, readCursor } from './merge-pages.ts';

export type DeadLettersOptions = {
  readonly mesh: Pick<Mesh, 'call'>;
  /** Who may have letters. One that has none says so, or does not know the question. */
  readonly services: () => readonly string[];
  readonly monotonicMs?: () => number;
};

type Asked<T> = { readonly answers: readonly T[]; readonly unavailable: readonly string[] };

const DEFAULT_LIMIT = 50;
const PURGE_BUDGET_MS = 4_000;

/** Letters lie with the services that gave the events up; here they are asked for, put together and handed out. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  async list(principal: Principal, query: QueryOf<typeof contract.listDeadLetters>) {
    const { limit = DEFAULT_LIMIT, cursor, service: only, ...filter } = query;
    const from = cursor === undefined ? null : readCursor(cursor);
    const { answers, unavailable } = await this.#askEach<PartialPage>(only, (service) =>
      this.#options.mesh.call(
        deadLetterEndpoints(service).list,
        {
          query: {
            scope: scopeOf(principal, 'dead-letter:read'),
            ...filter,
            limit,
            ...(from === null ? {} : { before: from.eventUuid, isInclusive: service > from.service }),
          },
        },
        asking(principal),
      ),
    );
    return { ...mergePages(answers, limit), unavailable: [...unavailable] };
  }

  read(principal: Principal, id: DeadLetterId): Promise<DeadLetterViewBody> {
    const input = { params: { deadLetterId: id }, query: { scope: scopeOf(principal, 'dead-letter:read') } };
    return this.#options.mesh.call(this.#endpointsFor(id).read, input, asking(principal));
  }

  redrive(principal: Principal, id: DeadLetterId): Promise<DeadLetterViewBody> {
    const input = { params: { deadLetterId: id }, query: { scope: scopeOf(principal, 'dead-letter:redrive') } };
    return this.#options.mesh.call(this.#endpointsFor(id).redrive, input, asking(principal));
  }

  async purge(principal: Principal, id: DeadLetterId): Promise<void> {
    const input = { params: { deadLetterId: id }, query: { scope: scopeOf(principal, 'dead-letter:purge') } };
    await this.#options.mesh.call(this.#endpointsFor(id).purge, input, asking(principal));
  }

  async purgeAll(principal: Principal, body: BodyOf<typeof contract.purgeDeadLetters>) {
    const { service: only, ...filter } = body;
    const monotonicMs = this.#options.monotonicMs ?? (() => performance.now());
    const untilMs = monotonicMs() + PURGE_BUDGET_MS;
    const { answers, unavailable } = await this.#askEach(only, async (service) => {
      let purged = 0;
      let before: string | null = null;
      do {
        const portion: { readonly purged: number; readonly lookedAtUuid: string | null } =
          await this.#options.mesh.call(
            deadLetterEndpoints(service).purgeAll,
            { body: { ...filter, ...(before === null ? {} : { before }) } },
            asking(principal),
          );
        purged += portion.purged;
        before = portion.lookedAtUuid;
      } while (before !== null && monotonicMs() < untilMs);
      return { purged, isComplete: before === null };
    });
    return {
      purged: answers.reduce((sum, { purged }) => sum + purged, 0),
      isComplete: answers.every(({ isComplete }) => isComplete),
      unavailable: [...unavailable],
    };
  }

  /**
   * One that is away costs its own letters, not those of the others: whoever looks for them has trouble enough. When
   * nobody answers at all, or the only one that was asked for does not, that is what is said.
   */
  async #askEach<T>(only: string | undefined, ask: (service: string) => Promise<T>): Promise<Asked<T>> {
    const services = this.#options.services().filter((service) => only === undefined || service === only);
    const answers: T[] = [];
    const unavailable: string[] = [];
    let failure: unknown = null;
    await Promise.all(
      services.map(async (service) => {
        try {
          answers.push(await ask(service));
        } catch (error) {
          if (isUnknownThere(error)) return;
          if (!(error instanceof Problem)) throw error;
          failure = error;
          unavailable.push(service);
        }
      }),
    );
    if (failure !== null && answers.length === 0) throw failure;
    return { answers, unavailable: unavailable.toSorted() };
  }

  #endpointsFor(id: DeadLetterId): ReturnType<typeof deadLetterEndpoints> {
    const { service } = partsOfDeadLetterId(id);
    if (!this.#options.services().includes(service)) throw deadLetterNotFound(`There is no dead letter ${id}.`);
    return deadLetterEndpoints(service);
  }
}

const scopeOf = ({ grants }: Principal, permission: string): 'tenant' | 'platform' =>
  reachOf(grants, permission) === 'platform' ? 'platform' : 'tenant';

/** The letters are the tenant's, the passport is ours: what we say of the reach is believed of a gateway alone. */
const asking = ({ tenantId, id }: Principal) => ({ tenantId, onBehalfOf: id });

const isUnknownThere = (error: unknown): boolean => error instanceof Problem && error.kind.code === notFound.kind.code;
