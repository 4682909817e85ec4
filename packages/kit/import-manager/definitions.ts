import type { Given, Lifetime, Part } from './part.ts';

/**
 * A plain function is a singleton with nothing to close, and takes what it needs out of its argument: that is how use cases
 * are written. What opens something, is closed, or lives shorter says so with `singleton`, `scoped` or `transient`.
 */
export type Definition = ((needs: never) => unknown) | Part<Lifetime, never, unknown> | Given<unknown>;

export type Definitions = Readonly<Record<string, Definition>>;

type Life = Lifetime | 'given';

type LifetimeOf<D> = D extends { readonly lifetime: infer L extends Life } ? L : 'singleton';

type ProductOf<D> =
  D extends Given<infer Value>
    ? Value
    : D extends Part<Lifetime, never, infer Product>
      ? Product
      : D extends (needs: never) => infer Product
        ? Awaited<Product>
        : never;

type NeedsOf<D> =
  D extends Part<Lifetime, infer Needs, unknown> ? Needs : D extends (needs: infer Needs) => unknown ? Needs : unknown;

export type Products<Defs, Which extends Life> = {
  readonly [Name in keyof Defs as LifetimeOf<Defs[Name]> extends Which ? Name : never]: ProductOf<Defs[Name]>;
};

/** What a part may need: a singleton nothing that lives shorter, and a plain function nothing that is made for it alone. */
type Reachable<D> = D extends (needs: never) => unknown
  ? 'singleton'
  : LifetimeOf<D> extends 'singleton'
    ? 'singleton' | 'transient'
    : Life;

type Faults<Available, D> =
  Available extends NeedsOf<D>
    ? unknown
    : `needs something that is not provided, or not so: ${keyof NeedsOf<D> & string}`;

/** Intersected with the definitions: a factory that asks for what nobody provides makes its own name fail to compile. */
export type Checked<Values, Defs> = {
  readonly [Name in keyof Defs]: Faults<Values & Products<Defs, Reachable<Defs[Name]>>, Defs[Name]>;
};
