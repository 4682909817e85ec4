import type { Answer } from './envelope.ts';

type Entry =
  | { readonly kind: 'running' }
  | { readonly kind: 'finished'; readonly answer: Answer; readonly atMs: number };

export type FinishedEntry = { readonly key: string; readonly answer: Answer; readonly atMs: number };

const lifetimeMs = 5 * 60_000;
/** Midtrans: longer keys are ignored, not refused. */
export const maxKeyLength = 46;

/** Remembers successful answers for five minutes, whatever the repeated body is; failures may be tried again. */
export class IdempotencyStore {
  readonly #entries = new Map<string, Entry>();

  /** 'start': the caller has to finish or abandon it. */
  begin(key: string, nowMs: number): Answer | 'running' | 'start' {
    const entry = this.#entries.get(key);
    if (entry?.kind === 'running') return 'running';
    if (entry?.kind === 'finished' && nowMs - entry.atMs < lifetimeMs) return entry.answer;
    this.#entries.set(key, { kind: 'running' });
    return 'start';
  }

  finish(key: string, answer: Answer, nowMs: number): void {
    this.#dropOld(nowMs);
    this.#entries.delete(key); // so that the map stays ordered by time
    this.#entries.set(key, { kind: 'finished', answer, atMs: nowMs });
  }

  abandon(key: string): void {
    this.#entries.delete(key);
  }

  finished(nowMs: number): readonly FinishedEntry[] {
    this.#dropOld(nowMs);
    return [...this.#entries].flatMap(([key, entry]) =>
      entry.kind === 'finished' ? [{ key, answer: entry.answer, atMs: entry.atMs }] : [],
    );
  }

  restore(entries: readonly FinishedEntry[]): void {
    for (const { key, answer, atMs } of entries) this.#entries.set(key, { kind: 'finished', answer, atMs });
  }

  clear(): void {
    this.#entries.clear();
  }

  #dropOld(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.kind === 'running') continue;
      if (nowMs - entry.atMs < lifetimeMs) return;
      this.#entries.delete(key);
    }
  }
}
