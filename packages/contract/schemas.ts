import { type Id, idPattern } from '@tenantry/kernel/id.ts';
import { CURRENCIES } from '@tenantry/kernel/money.ts';
import { type Static, type TProperties, type TSchema, Type } from 'typebox';

/** Every object that crosses a border names all its fields: an unknown one is refused (OWASP API3, mass assignment). */
export const Closed = <const Properties extends TProperties>(
  properties: Properties,
  options: { description?: string } = {},
) => Type.Object(properties, { additionalProperties: false, ...options });

export const IdSchema = <const Prefix extends string>(prefix: Prefix) =>
  Type.Unsafe<Id<Prefix>>(
    Type.String({
      pattern: idPattern(prefix),
      description: `TypeID with the prefix ${prefix}`,
      examples: [`${prefix}_01h455vb4pex5vsknk084sn02q`],
    }),
  );

/** Who subscribes and pays. A `ten_…` stands at tenant zero alone, where whole tenants are the customers. */
export const CustomerIdSchema = Type.Union([IdSchema('usr'), IdSchema('ten')]);

/** One of a list of texts. */
export const OneOf = <const Values extends readonly string[]>(
  values: Values,
  options: { description?: string; default?: Values[number] } = {},
) =>
  Type.Unsafe<Values[number]>(
    Type.Union(
      values.map((value) => Type.Literal(value)),
      options,
    ),
  );

export const CurrencySchema = OneOf(CURRENCIES, { description: 'ISO 4217' });

/** JSON numbers lose digits above 2^53, so amounts travel as decimal strings in the currency's major unit. */
export const MoneySchema = Closed(
  { amount: Type.String({ pattern: '^-?\\d{1,15}(\\.\\d{1,3})?$', examples: ['150000'] }), currency: CurrencySchema },
  { description: 'Amount in the major unit of the currency; IDR has no decimals in use' },
);

export const InstantSchema = Type.String({
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$',
  // The pattern has the form; the format refuses a 30 February, which nobody could parse.
  format: 'date-time',
  description: 'RFC 3339, UTC, milliseconds',
  examples: ['2026-11-21T09:30:00.000Z'],
});

/**
 * Practical e-mail syntax: something, one at sign, a dotted domain (RFC 5321 lengths). Ownership is proved by mail.
 * Nothing on either side that separates addresses or ends a line in a mail header.
 */
export const EmailSchema = Type.String({
  pattern:
    '^[^\\s\\u0000-\\u001f\\u007f@<>"(),:;\\[\\]\\\\]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]$',
  maxLength: 254,
  examples: ['budi@example.com'],
});

export const SlugSchema = Type.String({ pattern: '^[a-z][a-z0-9-]{1,38}[a-z0-9]$', examples: ['acme'] });

/** A name for people: no control characters, so that it cannot break a header, a log line or a PDF. */
export const DisplayNameSchema = Type.String({ minLength: 1, maxLength: 120, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });

export const LocaleSchema = OneOf(['id', 'en']);

export const PageQuery = Closed({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  cursor: Type.Optional(Type.String({ maxLength: 200 })),
});

export const PageOf = <const Item extends TSchema>(item: Item) =>
  Closed({ data: Type.Array(item), nextCursor: Type.Union([Type.String(), Type.Null()]) });

export type Page<Item> = { readonly data: Item[]; readonly nextCursor: string | null };
export type PageQueryInput = Static<typeof PageQuery>;
