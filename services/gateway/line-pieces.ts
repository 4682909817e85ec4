const MAX_REMEMBERED = 1_000;

/** Parts of log lines that are the same in many of them, put together once. */
export class LinePieces {
  readonly #quoted = new Map<string, string>();
  #nowMs = 0;
  #now = '';

  /** As JSON. For words of which there are few: methods, patterns, instances. */
  quoted(word: string): string {
    const known = this.#quoted.get(word);
    if (known !== undefined) return known;
    const quoted = JSON.stringify(word);
    if (this.#quoted.size < MAX_REMEMBERED) this.#quoted.set(word, quoted);
    return quoted;
  }

  /** RFC 3339, UTC, milliseconds. */
  now(): string {
    const nowMs = Date.now();
    if (nowMs !== this.#nowMs) {
      this.#nowMs = nowMs;
      this.#now = new Date(nowMs).toISOString();
    }
    return this.#now;
  }
}
