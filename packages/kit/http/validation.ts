import { validationFailed } from '@tenantry/kernel/problems.ts';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { convertTexts } from '../convert-texts.ts';
import { type SchemaError, toFieldErrors } from './field-errors.ts';

/** A compiled check of one part of a request. Throws `validation-failed` with every fault it finds. */
export function compileInput(schema: TSchema, part: 'params' | 'query' | 'body'): (value: unknown) => unknown {
  const check = Compile(schema);
  return (input) => {
    // Everything in a URL is text; a body has types of its own and is taken literally.
    const value =
      part === 'body' ? input : Value.Default(schema, convertTexts(schema, input as Record<string, unknown>));
    if (check.Check(value)) return value;
    const errors = toFieldErrors(check.Errors(value) as unknown as SchemaError[], part === 'body' ? '' : part);
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
