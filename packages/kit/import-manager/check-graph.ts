import { AssemblyError, type Chain, captive, cycle, missing } from './assembly-error.ts';
import type { Definition } from './definitions.ts';

type Graph = { readonly values: ReadonlySet<string>; readonly definitions: ReadonlyMap<string, Definition> };

/**
 * Refuses an assembly before anything is built, and says everything that is wrong with it at once. Plain functions do not
 * tell what they need; they speak for themselves when they are called, which is at start too.
 */
export function checkGraph({ values, definitions }: Graph): void {
  const problems = new Set<string>();
  for (const name of definitions.keys()) {
    if (values.has(name)) problems.add(`${name} is provided twice: as a value and as a part.`);
  }
  const done = new Set<string>();
  const visit = (name: string, above: Chain): void => {
    const chain = [...above, name];
    if (above.includes(name)) problems.add(cycle(chain));
    else if (!values.has(name) && !definitions.has(name)) problems.add(missing(chain));
    else if (!done.has(name)) {
      for (const need of needsOf(definitions.get(name))) visit(need, chain);
      done.add(name);
    }
  };
  for (const name of definitions.keys()) visit(name, []);
  // A circle would lead the search for captives round and round.
  if (problems.size === 0) for (const problem of captives(definitions)) problems.add(problem);
  if (problems.size > 0) throw new AssemblyError([...problems].join('\n'));
}

const needsOf = (definition: Definition | undefined): readonly string[] =>
  definition !== undefined && 'needs' in definition ? definition.needs : [];

/** What is made for a singleton alone lives as long as it, so a captive may hide behind any number of transients. */
function captives(definitions: ReadonlyMap<string, Definition>): string[] {
  const found: string[] = [];
  const follow = (name: string, above: Chain): void => {
    const chain = [...above, name];
    for (const need of needsOf(definitions.get(name))) {
      const lifetime = lifetimeOf(definitions.get(need));
      if (lifetime === 'scoped' || lifetime === 'given') found.push(captive([...chain, need]));
      else if (lifetime === 'transient') follow(need, chain);
    }
  };
  for (const [name, definition] of definitions) if (lifetimeOf(definition) === 'singleton') follow(name, []);
  return found;
}

/** Of a value: it was there before and stays, like a singleton. */
export const lifetimeOf = (definition: Definition | undefined): 'singleton' | 'scoped' | 'transient' | 'given' =>
  definition !== undefined && 'lifetime' in definition ? definition.lifetime : 'singleton';
