import assert from 'node:assert/strict';
import type { Pool, PoolClient } from 'pg';
import type { WorkTable } from './committed-work.ts';
import type { Deadline } from './deadline.ts';
import { isHungUp, isUnavailable } from './errors.ts';
import { Flight } from './flight.ts';
import { type Answer, BEGIN, COMMIT, type Statement, setTenant } from './statement.ts';

// More than the connections of a pool, each of which may be dead.
export const MAX_CONNECTIONS_TRIED = 12;

type Waiting = {
  readonly statement: Statement;
  /** Null where nobody waits for the answer. */
  readonly settle: { resolve: (answer: Answer) => void; reject: (error: unknown) => void } | null;
};

/**
 * One transaction of one tenant on one connection, in as few flights as its statements allow. BEGIN and the tenant go
 * with the first statement; what nobody waits for goes with the next that somebody waits for; COMMIT goes with the rest.
 * What is asked while a flight is under way goes together in the next one.
 */
export class TenantTransaction {
  readonly #pool: Pool;
  readonly #tenantUuid: string;
  readonly #deadline: Deadline;
  /** Null while another is fetched in place of a dead one. */
  #client: PoolClient | null;
  #phase: 'unbegun' | 'open' | 'committing' | 'over' = 'unbegun';
  #waiting: Waiting[] = [];
  #flying: Promise<void> | null = null;
  readonly #addsTo = new Set<WorkTable>();
  #failure: { readonly error: unknown; readonly wasTold: boolean } | null = null;

  private constructor(pool: Pool, tenantUuid: string, deadline: Deadline, client: PoolClient) {
    this.#pool = pool;
    this.#tenantUuid = tenantUuid;
    this.#deadline = deadline;
    this.#client = client;
  }

  /** Takes a connection and sends nothing yet. */
  static async open(pool: Pool, tenantUuid: string, deadline: Deadline): Promise<TenantTransaction> {
    return new TenantTransaction(pool, tenantUuid, deadline, await deadline.connect(pool));
  }

  /** True once COMMIT is on its way: from then on a lost connection says nothing about what was saved. */
  get isCommitting(): boolean {
    return this.#phase === 'committing';
  }

  /** Where its statements add work for somebody; that there is some is known only after COMMIT. */
  get addsTo(): ReadonlySet<WorkTable> {
    return this.#addsTo;
  }

  execute(statement: Statement): Promise<Answer> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#push({ statement, settle: { resolve, reject } });
    // In a microtask: what the same breath asks goes along.
    this.#flying ??= Promise.resolve().then(() => this.#flyAll());
    return promise;
  }

  enqueue(statement: Statement): void {
    // After a failure nothing is saved any more, and the commit says so. A throw here would leave whoever holds answers that
    // it has not awaited yet with rejections that nobody handles, which end a process.
    if (this.#failure !== null && this.#phase === 'open') return;
    const refusal = this.#refusal();
    if (refusal !== null) throw refusal;
    this.#push({ statement: { ...statement, wantsRows: false }, settle: null });
  }

  async commit(): Promise<void> {
    await this.#flying;
    // COMMIT is never in the flight that opens the transaction: where that one is lost, nothing was saved for certain.
    if (this.#phase === 'unbegun' && this.#waiting.length > 0) await this.#fly(this.#take());
    if (this.#failure !== null) throw this.#failureOfAll(this.#failure);
    if (this.#phase === 'unbegun') return;
    const last = this.#take();
    this.#deadline.assertNotOver();
    this.#phase = 'committing';
    const answers = await this.#send(last, [...last.map(({ statement }) => statement), COMMIT]);
    if (answers.at(-1)?.command !== 'COMMIT') throw new Error('PostgreSQL has undone the unit of work at its COMMIT.');
  }

  /**
   * Ends it and gives the connection back; to the bin unless the connection is known to be out of any transaction.
   * @param isUsable false for a connection that must not be used again whatever it says
   */
  async close(isUsable: boolean): Promise<void> {
    this.#phase = 'over';
    for (const { settle } of this.#take()) settle?.reject(unitOfWorkIsOver());
    await this.#flying;
    const client = this.#client;
    this.#client = null;
    if (client === null) return;
    // After a failure the server's word on where the connection stands may still be under way.
    const isIdle = this.#failure === null && client.getTransactionStatus() === 'I';
    client.release(!(isUsable && (isIdle || (await rollBack(client)))));
  }

  #push(waiting: Waiting): void {
    this.#waiting.push(waiting);
    for (const table of waiting.statement.addsTo) this.#addsTo.add(table);
  }

  #refusal(): Error | null {
    // The connection may be in another tenant's transaction by now.
    if (this.#phase === 'over' || this.#phase === 'committing') return unitOfWorkIsOver();
    if (this.#failure === null) return null;
    const { error } = this.#failure;
    this.#failure = { error, wasTold: true };
    return error instanceof Error ? error : new Error(String(error));
  }

  #take(): readonly Waiting[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  async #flyAll(): Promise<void> {
    while (this.#waiting.some(({ settle }) => settle !== null) && this.#phase !== 'over') await this.#fly(this.#take());
    this.#flying = null;
  }

  /** Never rejects: what failed is told to those who wait for it, and to whoever comes after. */
  async #fly(batch: readonly Waiting[]): Promise<void> {
    const statements = batch.map(({ statement }) => statement);
    try {
      if (this.#phase === 'unbegun') await this.#begin(batch, statements);
      else await this.#send(batch, statements);
    } catch {
      // In #failure.
    }
  }

  /** An idle connection can be dead without our knowing: nothing was saved yet, so another one is taken. */
  async #begin(batch: readonly Waiting[], statements: readonly Statement[]): Promise<void> {
    for (let tried = 1; ; tried++) {
      let flight: Flight | null = null;
      let before = 0;
      try {
        this.#client ??= await this.#deadline.connect(this.#pool);
        const opening = [BEGIN, setTenant(this.#tenantUuid), ...this.#deadline.limit()];
        before = opening.length;
        flight = new Flight([...opening, ...statements], this.#deadline.answerTimeoutMs());
        this.#client.query(flight);
        const answers = await flight.done;
        if (this.#phase === 'unbegun') this.#phase = 'open';
        this.#answer(batch, answers.slice(before));
        return;
      } catch (error) {
        const isOver = this.#phase === 'over' || tried === MAX_CONNECTIONS_TRIED;
        if (this.#client === null || isOver || flight === null || flight.hasHeard || !isHungUp(error)) {
          if (this.#phase === 'unbegun') this.#phase = 'open';
          throw this.#fail(batch, flight?.answers.slice(before) ?? [], error);
        }
        this.#client.release(true);
        this.#client = null;
      }
    }
  }

  async #send(batch: readonly Waiting[], statements: readonly Statement[]): Promise<readonly Answer[]> {
    let flight: Flight | null = null;
    let before = 0;
    try {
      assert(this.#client !== null);
      const limit = this.#deadline.limit();
      before = limit.length;
      flight = new Flight([...limit, ...statements], this.#deadline.answerTimeoutMs());
      this.#client.query(flight);
      const answers = await flight.done;
      this.#answer(batch, answers.slice(before));
      return answers;
    } catch (error) {
      throw this.#fail(batch, flight?.answers.slice(before) ?? [], error);
    }
  }

  #answer(batch: readonly Waiting[], answers: readonly Answer[]): void {
    for (const [index, { settle }] of batch.entries()) {
      const answer = answers[index];
      if (answer !== undefined) settle?.resolve(answer);
    }
  }

  /** What was answered before the failure was answered; the rest did not run. */
  #fail(batch: readonly Waiting[], answers: readonly Answer[], error: unknown): unknown {
    this.#answer(batch, answers);
    const untold = batch.slice(answers.length).flatMap(({ settle }) => (settle === null ? [] : [settle]));
    this.#failure ??= { error, wasTold: untold.length > 0 };
    for (const settle of untold) settle.reject(error);
    return error;
  }

  /** Whoever was told and went on regardless would otherwise take an empty COMMIT for a success. */
  #failureOfAll({ error, wasTold }: { readonly error: unknown; readonly wasTold: boolean }): unknown {
    if (!wasTold || isUnavailable(error)) return error;
    return new Error('The unit of work went on after a failed statement; nothing was saved.', { cause: error });
  }
}

const unitOfWorkIsOver = (): Error => new Error('This unit of work is over; await every statement inside of it.');

/** @returns false when the connection does not do even that */
export const rollBack = (client: PoolClient): Promise<boolean> =>
  client.query('rollback').then(
    () => client.getTransactionStatus() === 'I',
    () => false,
  );
