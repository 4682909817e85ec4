import type { FieldError } from '@tenantry/kernel/problem.ts';
import type { TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { expectedForm } from './expected-form.ts';

export type SchemaError = {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: Readonly<Record<string, unknown>>;
};

// By default TypeBox stops at eight, which one wrong choice among six can use up: we would not tell of the other fields,
// nor know of unions which branch was meant. The bound is against bodies with a fault in each of a million items.
Settings.Set({ maxErrors: 500 });

/** A name that a caller made up goes back to the caller; a megabyte of it need not. */
const MAX_NAME_LENGTH = 100;

/**
 * Says what is wrong in words of the caller: the field first, then what would be right.
 * @param part '' for a body, whose paths are JSON Pointers (`/` is the whole of it); else for example `query`
 */
export function toFieldErrors(schema: TSchema, errors: Iterable<SchemaError>, part: string): readonly FieldError[] {
  const found = new Map<string, string>();
  const say = (path: string, message: string): void => {
    if (!found.has(path)) found.set(path, message);
  };
  const all = [...errors];
  // Of very many unknown fields the list of them is never reached; then each is told by itself.
  const isListed = all.some(({ keyword }) => keyword === 'additionalProperties');
  for (const { keyword, schemaPath, instancePath, message, params } of ofMeantBranches(all)) {
    const at = (name?: string): string => {
      const pointer = name === undefined ? instancePath : `${instancePath}/${toToken(name)}`;
      if (part === '') return pointer === '' ? '/' : pointer;
      return pointer === '' ? part : `${part}.${pointer.slice(1)}`;
    };
    if (keyword === 'additionalProperties') {
      for (const name of params.additionalProperties as string[]) say(at(name), 'is not a field of this request');
    } else if (keyword === 'boolean' && !isListed && schemaPath.endsWith('/additionalProperties')) {
      say(at().slice(0, MAX_NAME_LENGTH), 'is not a field of this request');
    } else if (keyword === 'required') {
      for (const name of params.requiredProperties as string[]) say(at(name), 'is required');
    } else if (keyword === 'const') {
      const allowed = JSON.stringify(params.allowedValue);
      const earlier = found.get(at());
      found.set(at(), earlier?.startsWith('must be ') === true ? `${earlier} or ${allowed}` : `must be ${allowed}`);
    } else if (keyword === 'pattern' || keyword === 'format') {
      say(at(), expectedForm(schema, schemaPath) ?? message);
    } else if (keyword !== 'boolean' && keyword !== 'anyOf') {
      say(at(), message);
    }
  }
  return [...found].map(([path, text]) => ({ path, message: text }));
}

/** RFC 6901 §3. */
const toToken = (name: string): string => name.slice(0, MAX_NAME_LENGTH).replaceAll('~', '~0').replaceAll('/', '~1');

/**
 * Of a union of objects that a constant field tells apart, only the faults of the one that was meant: nobody who pays by
 * QRIS wants to hear that a bank is missing. Where the constant itself is wrong, only that.
 */
function ofMeantBranches(errors: readonly SchemaError[]): readonly SchemaError[] {
  let kept = errors;
  for (const { schemaPath } of errors.filter(({ keyword }) => keyword === 'anyOf')) {
    const prefix = `${schemaPath}/anyOf/`;
    const branchOf = (error: SchemaError): string | undefined =>
      error.schemaPath.startsWith(prefix) ? error.schemaPath.slice(prefix.length).split('/')[0] : undefined;
    const isOther = (error: SchemaError): boolean =>
      error.keyword === 'const' && /^\d+\/properties\/[^/]+$/.test(error.schemaPath.slice(prefix.length));
    const branches = new Set(errors.map(branchOf).filter((branch) => branch !== undefined));
    const others = new Set(errors.filter((error) => branchOf(error) !== undefined && isOther(error)).map(branchOf));
    if (others.size === 0) continue;
    kept = kept.filter((error) => {
      const branch = branchOf(error);
      if (branch === undefined) return true;
      return others.size < branches.size ? !others.has(branch) : isOther(error);
    });
  }
  return kept;
}
