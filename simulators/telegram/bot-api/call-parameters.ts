import { badRequest } from './errors.ts';

export type UploadedFile = { readonly name: string; readonly mimeType: string; readonly bytes: Buffer };

/** What a call was given, however it travelled: the server keeps every value as text, objects as JSON. */
export class CallParameters {
  readonly #values: ReadonlyMap<string, string>;
  readonly #files: ReadonlyMap<string, UploadedFile>;

  constructor(values: ReadonlyMap<string, string>, files: ReadonlyMap<string, UploadedFile>) {
    this.#values = values;
    this.#files = files;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Absent and empty are the same to the Bot API. */
  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  boolean(name: string): boolean {
    return ['true', 'yes', '1'].includes(this.text(name).trim().toLowerCase());
  }

  /** Out-of-range numbers are moved into the range, unreadable ones are the default: nothing is refused. */
  integer(
    name: string,
    fallback: number,
    smallest = Number.MIN_SAFE_INTEGER,
    largest = Number.MAX_SAFE_INTEGER,
  ): number {
    const source = this.text(name).trim();
    const value = /^[+-]?\d+$/.test(source) ? Number(source) : fallback;
    return Math.min(Math.max(value, smallest), largest);
  }

  /** Undefined when absent; `what` names the thing in the refusal. */
  json(name: string, what: string): unknown {
    const source = this.text(name);
    if (source === '') return undefined;
    try {
      return JSON.parse(source);
    } catch {
      throw badRequest(`can't parse ${what} JSON object`);
    }
  }

  file(name: string): UploadedFile | undefined {
    return this.#files.get(name);
  }
}
