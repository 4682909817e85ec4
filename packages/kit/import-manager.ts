import { asFunction, asValue, createContainer, InjectionMode } from 'awilix';

export type Factories<Values extends object, Products extends object> = {
  readonly [Name in keyof Products]: (dependencies: Values & Products) => Products[Name];
};

/**
 * Builds everything a service consists of, at start. `values` are there already; each factory takes what it needs out of
 * its argument (by destructuring, so that it is asked for now and not at the first request). A dependency that nobody
 * provides and a cycle are errors that name the chain.
 */
export function assemble<Values extends object, Products extends object>(
  values: Values,
  factories: Factories<Values, Products>,
): Values & Products {
  const container = createContainer<Values & Products>({ injectionMode: InjectionMode.PROXY, strict: true });
  for (const [name, value] of Object.entries(values)) container.register(name, asValue(value));
  for (const [name, factory] of Object.entries(factories)) {
    container.register(name, asFunction(factory as (dependencies: object) => unknown).singleton());
  }
  const names = [...Object.keys(values), ...Object.keys(factories)];
  return Object.fromEntries(names.map((name) => [name, container.resolve(name)])) as Values & Products;
}
