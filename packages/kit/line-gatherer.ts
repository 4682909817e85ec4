const GATHERED_CHARACTERS = 65_536;
const GATHERED_MS = 100;

/**
 * Puts lines together, so that many cost one write. They are kept apart until then: adding each to one growing text would
 * copy that text whenever somebody asks for its length in bytes.
 */
export class LineGatherer {
  readonly #write: (text: string) => void;
  #lines: string[] = [];
  #characters = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  write(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#characters >= GATHERED_CHARACTERS) this.flush();
    else if (this.#timer === null) {
      this.#timer = setTimeout(() => this.flush(), GATHERED_MS);
      this.#timer.unref();
    }
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#lines.length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#characters = 0;
    this.#write(text);
  }
}
