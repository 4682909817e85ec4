import { CloseStack } from '../lifecycle/close-stack.ts';
import { AssemblyError } from './assembly-error.ts';
import { Builder } from './builder.ts';
import { checkGraph, lifetimeOf } from './check-graph.ts';
import type { Checked, Definition, Definitions, Products } from './definitions.ts';

export type Scope<Parts> = { readonly parts: Parts; readonly close: () => Promise<void> };

export type Assembly<Values, Defs> = {
  readonly parts: Values & Products<Defs, 'singleton'>;
  /** Builds everything scoped. Whoever opens a scope closes it; the assembly's end closes what is still open. */
  readonly openScope: (
    given: Products<Defs, 'given'>,
  ) => Promise<Scope<Values & Products<Defs, 'singleton' | 'scoped' | 'given'>>>;
  /** Closes what was built, last built first, all of it even if some of it fails. `values` belong to who brought them. */
  readonly close: () => Promise<void>;
};

/**
 * Builds everything a service consists of, at start, each part once and after what it needs. A dependency that nobody
 * provides, a circle, and a singleton that needs something shorter-lived are refused with the chain that leads there. When
 * a part cannot be built, what was built before it is closed again.
 *
 * A plain function only picks what it needs and returns: it is called again when something that it asked for was not there
 * yet. A factory that opens something belongs into `singleton([...needs], factory, close)`, which calls it once.
 */
export async function assemble<const Values extends object, Defs extends Definitions>(
  values: Values,
  definitions: Defs & Checked<Values, Defs>,
): Promise<Assembly<Values, Defs>> {
  const all: ReadonlyMap<string, Definition> = new Map(Object.entries<Definition>(definitions));
  const there: readonly (readonly [string, unknown])[] = Object.entries(values);
  checkGraph({ values: new Set(Object.keys(values)), definitions: all });
  const closing = new CloseStack();
  const singletons = await buildAll(all, 'singleton', there, closing);
  const scopes = new Set<Promise<Scope<object>>>();
  let isClosing = false;

  const openScope = async (given: object): Promise<Scope<object>> => {
    if (isClosing) throw new AssemblyError('This assembly is closed; no scope can be opened in it.');
    const ofScope = new CloseStack();
    const opening = buildAll(all, 'scoped', [...singletons, ...Object.entries(given)], ofScope).then((built) => ({
      parts: Object.fromEntries(built),
      close: () => {
        scopes.delete(opening);
        return ofScope.close();
      },
    }));
    scopes.add(opening);
    opening.catch(() => scopes.delete(opening));
    return opening;
  };
  // The first to be closed, being pushed last: scopes lean on singletons.
  closing.push(async () => {
    isClosing = true;
    const ending = new CloseStack();
    for (const scope of scopes) ending.push(async () => (await scope.catch(() => null))?.close());
    await ending.close();
  });
  return {
    parts: Object.fromEntries(singletons),
    openScope,
    close: () => {
      isClosing = true;
      return closing.close();
    },
  } as Assembly<Values, Defs>;
}

async function buildAll(
  definitions: ReadonlyMap<string, Definition>,
  lifetime: 'singleton' | 'scoped',
  there: Iterable<readonly [string, unknown]>,
  closing: CloseStack,
): Promise<ReadonlyMap<string, unknown>> {
  const builder = new Builder(definitions, there, closing);
  try {
    for (const [name, definition] of definitions) {
      if (lifetimeOf(definition) === lifetime) await builder.build(name);
    }
    return builder.built;
  } catch (error) {
    await closing.close().catch((cause: unknown) => {
      const failures = cause instanceof AggregateError ? cause.errors : [cause];
      const message = error instanceof Error ? error.message : String(error);
      throw new AggregateError([error, ...failures], `${message} And not everything could be closed again.`);
    });
    throw error;
  }
}
