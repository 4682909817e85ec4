import fc from 'fast-check';
import type { TSchema } from 'typebox';

type JsonSchema = {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
};

/** Anything that a contract's schema takes: what its parts may be, and nothing that it does not say. */
export const arbitraryOf = (schema: TSchema): fc.Arbitrary<unknown> => arbitraryOfJson(schema as JsonSchema);

function arbitraryOfJson(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(arbitraryOfJson));
  if ('const' in schema) return fc.constant(schema.const);
  switch (schema.type) {
    case 'object':
      return arbitraryOfObject(schema);
    case 'array':
      return fc.array(arbitraryOfJson(schema.items ?? {}), { maxLength: 4 });
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -(2 ** 31), max: schema.maximum ?? 2 ** 31 - 1 });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'string':
      return arbitraryOfText(schema);
    default:
      throw new Error(`No values are known of ${JSON.stringify(schema)}.`);
  }
}

const arbitraryOfObject = ({ properties = {}, required = [] }: JsonSchema): fc.Arbitrary<unknown> =>
  fc.record(Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, arbitraryOfJson(inner)])), {
    requiredKeys: [...required],
  });

function arbitraryOfText({ format, pattern }: JsonSchema): fc.Arbitrary<string> {
  if (format === 'date-time')
    return fc
      .date({ min: new Date(0), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
      .map((date) => date.toISOString());
  return pattern === undefined ? fc.string() : fc.stringMatching(new RegExp(pattern));
}
