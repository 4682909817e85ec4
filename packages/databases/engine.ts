import type { DatabaseCalls, EngineKind } from './database-calls.ts';
import { MAIN_DATABASE } from './placement.ts';

/** What every engine has in common, whatever it stores: it is opened, says that it lives, and is closed. */
export type Engine = {
  readonly kind: EngineKind;
  /** Its kind, and which database it is where there are several: `postgres`, `postgres-acme`. */
  readonly name: string;
  /** A sign of life: rejects when it gives none, which may take long. */
  readonly check: () => Promise<unknown>;
  readonly close: () => Promise<void>;
};

/** @param how its sign of life is counted like any other call: one that ended badly says that the engine is away */
export function defineEngine(
  calls: DatabaseCalls,
  kind: EngineKind,
  how: Pick<Engine, 'check' | 'close'>,
  database = MAIN_DATABASE,
): Engine {
  const meter = calls.meter(kind, database, 'check');
  return {
    kind,
    name: database === MAIN_DATABASE ? kind : `${kind}-${database}`,
    check: () => meter.measure(null, () => 'unavailable', how.check),
    close: how.close,
  };
}

/** Engines in the order in which they were opened. */
export class Engines {
  readonly #open: Engine[] = [];
  #closing: Promise<void> | null = null;

  add(engine: Engine): void {
    this.#open.push(engine);
  }

  get all(): readonly Engine[] {
    return this.#open;
  }

  /** In reverse order, once, all of them: one that cannot be closed does not keep the others open. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const { close } of this.#open.toReversed()) await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'Not every engine could be closed.');
  }
}
