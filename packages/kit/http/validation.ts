import type { FieldError } from '@tenantry/kernel/problem.ts';
import { validationFailed } from '@tenantry/kernel/problems.ts';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';

const MAX_ERRORS = 20;

type SchemaError = { keyword: string; instancePath: string; message: string; params: Record<string, unknown> };

/** Says what is wrong in words of the caller: the field first, then what would be right. */
function toFieldErrors(errors: Iterable<SchemaError>, prefix: string): readonly FieldError[] {
  const found = new Map<string, string>();
  for (const { keyword, instancePath, message, params } of errors) {
    const at = (name = '') => `${prefix}${instancePath}${name === '' ? '' : `/${name}`}` || '/';
    if (keyword === 'additionalProperties') {
      for (const name of params.additionalProperties as string[]) found.set(at(name), 'is not a field of this request');
    } else if (keyword === 'required') {
      for (const name of params.requiredProperties as string[]) found.set(at(name), 'is required');
    } else if (keyword === 'const') {
      const earlier = found.get(at());
      const allowed = JSON.stringify(params.allowedValue);
      found.set(at(), earlier?.startsWith('must be ') === true ? `${earlier} or ${allowed}` : `must be ${allowed}`);
    } else if (keyword !== 'boolean' && keyword !== 'anyOf' && !found.has(at())) {
      found.set(at(), message);
    }
    if (found.size >= MAX_ERRORS) break;
  }
  return [...found].map(([path, text]) => ({ path, message: text }));
}

/** A compiled check of one part of a request. Throws `validation-failed` with every fault it finds. */
export function compileInput(schema: TSchema, part: 'params' | 'query' | 'body'): (value: unknown) => unknown {
  const check = Compile(schema);
  const prefix = part === 'body' ? '' : part;
  return (input) => {
    // Everything in a URL is text; a body has types of its own and is taken literally.
    const value = part === 'body' ? input : Value.Convert(schema, Value.Default(schema, { ...(input as object) }));
    if (check.Check(value)) return value;
    const errors = toFieldErrors(check.Errors(value) as unknown as SchemaError[], prefix);
    const names = errors.map((error) => error.path).join(', ');
    throw validationFailed(
      `The ${part === 'body' ? 'body' : part} has ${errors.length} fault(s): ${names}. Correct them and send it again.`,
      { errors },
    );
  };
}

/** A compiled check of our own answers: one that breaks its contract is a bug of ours and must not reach anybody. */
export function compileOutput(schema: TSchema, name: string): (value: unknown) => void {
  const check = Compile(schema);
  return (value) => {
    if (check.Check(value)) return;
    const first = toFieldErrors(check.Errors(value) as unknown as SchemaError[], '')[0];
    throw new Error(`${name} answered against its contract: ${first?.path} ${first?.message}`);
  };
}
