import type { CloseStack } from '../lifecycle/close-stack.ts';
import { AssemblyError, type Chain, captive, cycle, missing } from './assembly-error.ts';
import { lifetimeOf } from './check-graph.ts';
import type { Definition } from './definitions.ts';
import type { Lifetime, Part } from './part.ts';

/** Thrown into a plain function that asks for what is not built yet; it is called again when it is. */
class NotBuiltYet extends Error {
  readonly part: string;
  constructor(part: string) {
    super(`${part} is not built yet.`);
    this.part = part;
  }
}

type AnyPart = Part<Lifetime, object, unknown>;

/** Builds parts one after the other, each after what it needs, and notes how each is closed. */
export class Builder {
  readonly #definitions: ReadonlyMap<string, Definition>;
  readonly #closing: CloseStack;
  readonly #built: Map<string, unknown>;

  constructor(
    definitions: ReadonlyMap<string, Definition>,
    there: Iterable<readonly [string, unknown]>,
    closing: CloseStack,
  ) {
    this.#definitions = definitions;
    this.#closing = closing;
    this.#built = new Map(there);
  }

  get built(): ReadonlyMap<string, unknown> {
    return this.#built;
  }

  async build(name: string, above: Chain = []): Promise<void> {
    if (this.#built.has(name)) return;
    this.#built.set(name, await this.#make(name, above));
  }

  async #make(name: string, above: Chain): Promise<unknown> {
    const chain = [...above, name];
    if (above.includes(name)) throw new AssemblyError(cycle(chain));
    const definition = this.#definitions.get(name);
    if (typeof definition === 'function') return this.#call(definition as (needs: object) => unknown, chain);
    if (definition === undefined || definition.lifetime === 'given') throw new AssemblyError(missing(chain));
    const needs: Record<string, unknown> = {};
    for (const need of definition.needs) needs[need] = await this.#obtain(need, chain);
    const { product, close } = await (definition as AnyPart).open(needs);
    if (close !== null) this.#closing.push(close);
    return product;
  }

  async #obtain(name: string, above: Chain): Promise<unknown> {
    if (lifetimeOf(this.#definitions.get(name)) === 'transient') return this.#make(name, above);
    await this.build(name, above);
    return this.#built.get(name);
  }

  async #call(factory: (needs: object) => unknown, chain: Chain): Promise<unknown> {
    const needs = this.#readable(chain);
    for (;;) {
      try {
        return await factory(needs);
      } catch (error) {
        if (!(error instanceof NotBuiltYet)) throw error;
        await this.build(error.part, chain);
      }
    }
  }

  /** What a plain function sees: also later, at a request, when everything there is has been built. */
  #readable(chain: Chain): object {
    return new Proxy(Object.freeze({}), {
      get: (_, key) => {
        if (typeof key === 'symbol') return undefined;
        if (this.#built.has(key)) return this.#built.get(key);
        const asked = [...chain, key];
        if (!this.#definitions.has(key)) throw new AssemblyError(missing(asked));
        const lifetime = lifetimeOf(this.#definitions.get(key));
        if (lifetime === 'transient') {
          throw new AssemblyError(
            `${asked.join(' → ')}: only a part that lists its needs can need a transient one; define ${chain.at(-1)} with singleton().`,
          );
        }
        if (lifetime !== 'singleton') throw new AssemblyError(captive(asked.slice(-2)));
        throw new NotBuiltYet(key);
      },
      ownKeys: () => {
        throw new AssemblyError(`${chain.at(-1)} must take what it needs by name, not all there is.`);
      },
    });
  }
}
