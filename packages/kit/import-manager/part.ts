/** singleton: one per assembly. scoped: one per scope. transient: a new one for everybody who needs it. */
export type Lifetime = 'singleton' | 'scoped' | 'transient';

type Opened<Product> = { readonly product: Product; readonly close: (() => Promise<unknown>) | null };

/** What is known of a part before anything is built, so that a wrong assembly is refused before it opens a connection. */
export type Part<Life extends Lifetime, Needs, Product> = {
  readonly lifetime: Life;
  readonly needs: readonly string[];
  readonly open: (needs: Needs) => Promise<Opened<Product>>;
};

/** What each scope is opened with: the request, the principal. */
export type Given<Value> = { readonly lifetime: 'given'; readonly '~value'?: Value };

/** A list that leaves out something the factory takes does not compile; one may name more, to be built after it. */
type Complete<Needs, Names extends readonly string[]> = [Needs] extends [never]
  ? unknown
  : [Exclude<keyof Needs, Names[number]>] extends [never]
    ? unknown
    : `${Exclude<keyof Needs, Names[number]> & string} is not in the list of needs`;

type Factory<Needs, Product> = (needs: Needs) => Product | Promise<Product>;

function part<Life extends Lifetime, Needs, Product>(
  lifetime: Life,
  needs: readonly string[],
  build: Factory<Needs, Product>,
  close: ((product: Product) => unknown) | undefined,
): Part<Life, Needs, Product> {
  return {
    lifetime,
    needs,
    open: async (given) => {
      const product = await build(given);
      return { product, close: close === undefined ? null : async () => close(product) };
    },
  };
}

/** One for the whole assembly, closed with it. The factory may be asynchronous; it is called once, with what it needs. */
export const singleton = <Needs extends object, Product, const Names extends readonly string[]>(
  needs: Names & Complete<Needs, Names>,
  build: Factory<Needs, Product>,
  close?: (product: Product) => unknown,
): Part<'singleton', Needs, Product> => part('singleton', needs, build, close);

/** One for each scope, closed with it: a unit of work, a request. */
export const scoped = <Needs extends object, Product, const Names extends readonly string[]>(
  needs: Names & Complete<Needs, Names>,
  build: Factory<Needs, Product>,
  close?: (product: Product) => unknown,
): Part<'scoped', Needs, Product> => part('scoped', needs, build, close);

/** One for each part that needs it, closed with that part's assembly or scope. */
export const transient = <Needs extends object, Product, const Names extends readonly string[]>(
  needs: Names & Complete<Needs, Names>,
  build: Factory<Needs, Product>,
  close?: (product: Product) => unknown,
): Part<'transient', Needs, Product> => part('transient', needs, build, close);

export const given = <Value>(): Given<Value> => ({ lifetime: 'given' });
