import type { TSchema } from 'typebox';

/** The schema at a place that an error names, for example `#/properties/method/anyOf/0`. */
const schemaAt = (schema: TSchema, schemaPath: string): unknown =>
  schemaPath
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (inner, key) =>
        typeof inner === 'object' && inner !== null ? (inner as Readonly<Record<string, unknown>>)[key] : undefined,
      schema,
    );

/** A pattern means something to us and nothing to the caller: the description and an example do. */
export function expectedForm(schema: TSchema, schemaPath: string): string | null {
  const { description, examples } = (schemaAt(schema, schemaPath) ?? {}) as {
    readonly description?: string;
    readonly examples?: readonly unknown[];
  };
  const example = examples?.[0] === undefined ? '' : `, for example ${JSON.stringify(examples[0])}`;
  if (description !== undefined) return `must be: ${description}${example}`;
  return example === '' ? null : `has not the right form${example}`;
}
