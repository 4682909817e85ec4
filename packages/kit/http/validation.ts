import { notFound, validationFailed } from '@tenantry/kernel/problems.ts';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { convertTexts } from '../convert-texts.ts';
import { type SchemaError, toFieldErrors } from './field-errors.ts';
import { findIllFormedText } from './text-form.ts';

/** Of the faults of one request, as many are told. */
const MAX_ERRORS = 20;

/** A compiled check of a body or a query. Throws `validation-failed` with every fault it finds. */
export function compileInput(schema: TSchema, part: 'query' | 'body'): (value: unknown) => unknown {
  const check = Compile(schema);
  return (input) => {
    // Everything in a URL is text; a body has types of its own and is taken literally.
    const value =
      part === 'body' ? input : Value.Default(schema, convertTexts(schema, input as Record<string, unknown>));
    if (check.Check(value)) {
      const illFormed = findIllFormedText(value);
      if (illFormed === null) return value;
      const message = 'must be well-formed text without NUL characters';
      const path = part === 'body' ? illFormed : `${part}${illFormed.replaceAll('/', '.')}`;
      throw validationFailed(`The ${part} has a fault: ${path} ${message}.`, { errors: [{ path, message }] });
    }
    const errors = toFieldErrors(
      schema,
      check.Errors(value) as unknown as SchemaError[],
      part === 'body' ? '' : part,
    ).slice(0, MAX_ERRORS);
    const names = errors.map((error) => error.path).join(', ');
    throw validationFailed(`The ${part} has ${errors.length} fault(s): ${names}. Correct them and send it again.`, {
      errors,
    });
  };
}

/** A compiled check of a path. What cannot be the name of a thing names nothing: not found, as for a missing one. */
export function compileParams(schema: TSchema): (value: unknown) => unknown {
  const check = Compile(schema);
  return (value) => {
    if (check.Check(value)) return value;
    const [error] = toFieldErrors(schema, check.Errors(value) as unknown as SchemaError[], 'path');
    throw notFound(`There is nothing at this address: ${error?.path} ${error?.message}.`);
  };
}

/** A compiled check of our own answers: one that breaks its contract is a bug of ours and must not reach anybody. */
export function compileOutput(schema: TSchema, name: string): (value: unknown) => void {
  const check = Compile(schema);
  return (value) => {
    if (check.Check(value)) return;
    const first = toFieldErrors(schema, check.Errors(value) as unknown as SchemaError[], '')[0];
    throw new Error(`${name} answered against its contract: ${first?.path} ${first?.message}`);
  };
}
