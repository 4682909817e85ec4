import { readFileSync } from 'node:fs';
import { nearestName } from './nearest-name.ts';
import { PROGRAMS, type ProgramName } from './programs.ts';

export const FILE_VARIABLE = 'TENANTRY_CONFIG_FILE';

export type FileLayer = {
  readonly values: ReadonlyMap<string, unknown>;
  readonly faults: readonly string[];
  /** What a file that cannot be read would have said is not missing. */
  readonly isKnown: boolean;
};

type Readers = {
  readonly program: ProgramName;
  /** What this program reads. */
  readonly own: ReadonlySet<string>;
  /** What may stand outside of sections: what this program reads, and what others share with it. */
  readonly shared: ReadonlySet<string>;
};

/**
 * One JSON object: settings for all, and one object per program that overrides them. Every program judges what stands
 * outside of sections and in its own, so that a slip of the pen is found and not passed over.
 */
export function readConfigurationFile(path: string | undefined, readers: Readers): FileLayer {
  if (path === undefined || path === '') return { values: new Map(), faults: [], isKnown: true };
  const content = readObject(path);
  if (typeof content === 'string') return { values: new Map(), faults: [content], isKnown: false };
  const faults: string[] = [];
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(content)) {
    if (isProgram(name)) {
      if (!isObject(value)) faults.push(`${quote(name)} must be an object with the settings of ${name}`);
    } else if (isObject(value)) {
      faults.push(`${quote(name)} is no program of this system${meaning(name, PROGRAMS)}`);
    } else if (!readers.shared.has(name)) {
      const hint = meaning(name, readers.shared);
      const elsewhere = hint === '' ? '; what only another program reads belongs into a section of its name' : hint;
      faults.push(`${quote(name)} is not a setting of ${readers.program}${elsewhere}`);
    } else if (readers.own.has(name)) values.set(name, value);
  }
  const section = Object.hasOwn(content, readers.program) ? content[readers.program] : undefined;
  for (const [name, value] of isObject(section) ? Object.entries(section) : []) {
    if (readers.own.has(name)) values.set(name, value);
    else faults.push(`${quote(name)} in ${quote(readers.program)} is not a setting of it${meaning(name, readers.own)}`);
  }
  return { values, faults: faults.map((fault) => `${FILE_VARIABLE}: ${fault}`), isKnown: true };
}

const isProgram = (name: string): boolean => PROGRAMS.some((program) => program === name);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const quote = (name: string): string => JSON.stringify(name.slice(0, 100));

function meaning(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name.slice(0, 100), known);
  return nearest === null ? '' : ` (did you mean ${nearest}?)`;
}

/** The object, or a sentence that says why there is none. */
function readObject(path: string): Readonly<Record<string, unknown>> | string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return `${FILE_VARIABLE} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // The parser's own message would quote the file, secrets and all.
  }
  return `${FILE_VARIABLE} must hold one JSON object.`;
}
