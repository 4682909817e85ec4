import type { TSchema } from 'typebox';

const DECIMAL = /^-?\d+(\.\d+)?$/;

/**
 * What stands in a URL or in the environment is text. Turns it into the number or truth value that the schema asks for
 * and leaves everything else as it is, for the schema to refuse: `1.5` is no integer, and an empty text no 0.
 */
export function convertTexts(schema: TSchema, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const properties = 'properties' in schema ? (schema.properties as Readonly<Record<string, { type?: unknown }>>) : {};
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const type = Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
      if (typeof value !== 'string') return [name, value];
      if ((type === 'integer' || type === 'number') && DECIMAL.test(value)) return [name, Number(value)];
      if (type === 'boolean' && (value === 'true' || value === 'false')) return [name, value === 'true'];
      return [name, value];
    }),
  );
}
