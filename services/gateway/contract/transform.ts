import { Closed } from '@tenantry/contract/schemas.ts';
import { type Static, type TSchema, Type } from 'typebox';

const MAX_CHANGES = 32;

/** As it is written in a template. */
const variable = (name: string): string => `\${${name}}`;

/** RFC 9110 §5.6.2, without `_`: some servers turn it into `-`, and it would pass for another header. */
const HeaderName = Type.String({ pattern: "^[!#$%&'*+.^`|~0-9A-Za-z-]{1,64}$", examples: ['x-shop-tenant'] });
/** RFC 9110 §5.5 without the obsolete bytes: nothing in it can end a line. May hold variables. */
const HeaderValue = Type.String({
  pattern: '^[\\x20-\\x7e]*$',
  maxLength: 1_024,
  description: 'printable ASCII; may hold variables: tenant.id, tenant.slug, user.id, request.id, path.<parameter>',
  examples: [`tenant-${variable('tenant.slug')}`],
});
const QueryName = Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });
const Pointer = Type.String({
  pattern: '^(/([^~/\\u0000-\\u001f]|~[01])*)+$',
  maxLength: 256,
  description: 'a JSON Pointer (RFC 6901) to a member',
  examples: ['/customer/id'],
});

const op = <const Name extends string>(name: Name) => Type.Literal(name);

export const HeaderChangeSchema = Type.Union([
  Closed({ op: op('set'), name: HeaderName, value: HeaderValue }),
  Closed({ op: op('add'), name: HeaderName, value: HeaderValue }),
  Closed({ op: op('remove'), name: HeaderName }),
  Closed({ op: op('rename'), name: HeaderName, to: HeaderName }),
]);

export const QueryChangeSchema = Type.Union([
  Closed({ op: op('set'), name: QueryName, value: HeaderValue }),
  Closed({ op: op('remove'), name: QueryName }),
  Closed({ op: op('rename'), name: QueryName, to: QueryName }),
]);

export const BodyChangeSchema = Type.Union([
  /** Texts in the value may hold variables. */
  Closed({ op: op('set'), pointer: Pointer, value: Type.Unknown() }),
  Closed({ op: op('remove'), pointer: Pointer }),
  Closed({ op: op('rename'), pointer: Pointer, to: Pointer }),
  /** Keeps these members and drops all others. */
  Closed({ op: op('select'), pointers: Type.Array(Pointer, { minItems: 1, maxItems: 64 }) }),
]);

const PathChangeSchema = Closed({
  /** Taken away from the front of the path. */
  stripPrefix: Type.Optional(
    Type.String({ pattern: '^(/[A-Za-z0-9._~-]+)+$', maxLength: 256, examples: ['/apps/shop'] }),
  ),
  /** The path that the upstream sees, with the variables and, for a route that ends in `*`, `path.rest`. */
  rewrite: Type.Optional(
    Type.String({
      pattern: "^/[A-Za-z0-9._~!$&'()*+,=:@/{}-]*$",
      maxLength: 512,
      examples: [`/v2/${variable('path.rest')}`],
    }),
  ),
});

const changes = <const Item extends TSchema>(item: Item) => Type.Optional(Type.Array(item, { maxItems: MAX_CHANGES }));

/** What a route changes on the way. Changes are made in the order in which they are written. */
export const TransformSchema = Closed({
  request: Type.Optional(
    Closed({
      path: Type.Optional(PathChangeSchema),
      query: changes(QueryChangeSchema),
      headers: changes(HeaderChangeSchema),
      body: changes(BodyChangeSchema),
    }),
  ),
  response: Type.Optional(Closed({ headers: changes(HeaderChangeSchema), body: changes(BodyChangeSchema) })),
});

export type Transform = Static<typeof TransformSchema>;
export type HeaderChange = Static<typeof HeaderChangeSchema>;
export type QueryChange = Static<typeof QueryChangeSchema>;
export type BodyChange = Static<typeof BodyChangeSchema>;
