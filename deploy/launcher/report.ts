type Row = {
  readonly what: string;
  readonly port: number;
  readonly url: string;
  readonly pid: () => number | undefined;
};

/** What the person at the terminal sees: each step with the time since the start, and at the end where everything is. */
export class Report {
  readonly #write: (line: string) => void;
  readonly #startedMs = performance.now();
  readonly #rows: Row[] = [];

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** A function of its own, so that it can be handed on. */
  readonly say = (sentence: string): void => {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1);
    this.#write(`${seconds.padStart(6)} s  ${sentence}`);
  };

  /** How long one step took: ` (1.2 s)`. */
  stopwatch(): () => string {
    const fromMs = performance.now();
    return () => ` (${((performance.now() - fromMs) / 1000).toFixed(1)} s)`;
  }

  row(row: Row): void {
    this.#rows.push(row);
  }

  table(): void {
    const rows = this.#rows.toSorted((one, other) => one.port - other.port);
    const cells = rows.map((row) => [row.what, String(row.port), row.url, String(row.pid() ?? '–')]);
    const all = [['what', 'port', 'address', 'pid'], ...cells];
    const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
    this.#write('');
    for (const line of all)
      this.#write(`  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
    this.#write('');
  }

  lines(...lines: readonly string[]): void {
    for (const line of lines) this.#write(line);
  }
}
