import { currentSpan } from '@tenantry/kernel/call-context.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';
import { failureOf } from '@tenantry/kernel/tracing/failure-of.ts';
import type { Span } from '@tenantry/kernel/tracing/span.ts';
import { outcomeOf } from './errors.ts';

/** What one call of the database did, as its span tells it: kinds of statements and how many, never their text or values. */
export class DatabaseSpan {
  readonly #span: Span;
  readonly #kinds: string[] = [];
  #statements = 0;

  constructor(span: Span) {
    this.#span = span;
  }

  get traceparent(): string {
    return this.#span.traceparent;
  }

  note(statement: string): void {
    this.#statements++;
    const kind = (/^\s*(\w+)/.exec(statement)?.[1] ?? 'unknown').toUpperCase();
    if (!this.#kinds.includes(kind)) this.#kinds.push(kind);
  }

  attempted(attempt: number): void {
    if (attempt > 1) this.#span.set('tenantry.attempt', attempt);
  }

  fail(error: unknown): void {
    // A key that is taken, or a refusal, is an answer.
    const outcome = outcomeOf(error);
    if (outcome !== 'conflict' && outcome !== 'refused') this.#span.fail(failureOf(error) ?? outcome);
  }

  end(): void {
    this.#span.set('db.operation.name', this.#kinds.join(', '));
    this.#span.set('db.operation.batch.size', this.#statements);
    this.#span.end();
  }
}

/** Null outside of whatever is traced: then it costs a look. */
export async function inDatabaseSpan<T>(
  name: 'read' | 'transaction',
  tenantId: TenantId,
  work: (span: DatabaseSpan | null) => Promise<T>,
): Promise<T> {
  const beginning = { name: `postgresql ${name}`, kind: 'client', tenantId, attributes: POSTGRESQL } as const;
  const child = currentSpan()?.child(beginning);
  if (child === undefined) return work(null);
  const span = new DatabaseSpan(child);
  try {
    return await work(span);
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}

const POSTGRESQL = { 'db.system.name': 'postgresql' } as const;
