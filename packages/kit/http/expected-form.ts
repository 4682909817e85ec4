import type { TSchema } from 'typebox';

type Documented = {
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly items?: TSchema;
};

/** The schema of the value at a JSON Pointer, as far as objects and lists lead to it. */
function schemaAt(schema: TSchema, pointer: string): Documented | undefined {
  let current: Documented | undefined = schema as Documented;
  for (const step of pointer.split('/').slice(1)) {
    current = (current?.properties?.[step] ?? current?.items) as Documented | undefined;
  }
  return current;
}

/** A pattern means something to us and nothing to the caller: the description and an example do. */
export function expectedForm(schema: TSchema, pointer: string): string | null {
  const { description, examples } = schemaAt(schema, pointer) ?? {};
  const example = examples?.[0] === undefined ? '' : `, for example ${JSON.stringify(examples[0])}`;
  if (description !== undefined) return `must be: ${description}${example}`;
  return example === '' ? null : `has not the right form${example}`;
}
