import type { QueryChange, Transform } from '../contract/transform.ts';
import { parsedTemplate, renderTemplate, type Template, type Variables } from './template.ts';

export type PathChanges = { readonly stripPrefix: string; readonly rewrite: Template | null };

type PathInput = NonNullable<NonNullable<Transform['request']>['path']>;

export const compilePathChanges = (path: PathInput | undefined, known: ReadonlySet<string>): PathChanges => ({
  stripPrefix: path?.stripPrefix ?? '',
  rewrite: path?.rewrite === undefined ? null : parsedTemplate(path.rewrite, known),
});

/**
 * The path that the upstream sees. Parameters are put in encoded, so that none can open a segment of its own; the rest
 * of a path is put in as it came, for its slashes are meant, and what came was refused if it hid any.
 */
export function changePath({ stripPrefix, rewrite }: PathChanges, path: string, variables: Variables): string {
  if (rewrite !== null) return renderTemplate(rewrite, (name) => encodeFor(name, variables(name)), String);
  if (stripPrefix === '' || !hasPrefix(path, stripPrefix)) return path;
  const rest = path.slice(stripPrefix.length);
  return rest === '' ? '/' : rest;
}

const encodeFor = (name: string, value: string): string => (name === 'path.rest' ? value : encodeURIComponent(value));

/** A prefix ends where a segment ends, and in whichever case a route takes it. */
const hasPrefix = (path: string, prefix: string): boolean =>
  path.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase() &&
  (path.length === prefix.length || path[prefix.length] === '/');

type CompiledQueryChange =
  | { readonly op: 'set'; readonly name: string; readonly value: Template }
  | { readonly op: 'remove'; readonly name: string }
  | { readonly op: 'rename'; readonly name: string; readonly to: string };

export type QueryChanges = readonly CompiledQueryChange[];

export const compileQueryChanges = (changes: readonly QueryChange[], known: ReadonlySet<string>): QueryChanges =>
  changes.map((change) =>
    change.op === 'set' ? { ...change, value: parsedTemplate(change.value, known) } : { ...change },
  );

type Pair = { readonly name: string; readonly text: string };

function nameOf(part: string): string {
  const mark = part.indexOf('=');
  const raw = (mark === -1 ? part : part.slice(0, mark)).replaceAll('+', ' ');
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw; // not UTF-8: no change can mean it
  }
}

/** Changes parameters by their decoded names and leaves all others as they were written. */
export function changeQuery(changes: QueryChanges, query: string, variables: Variables): string {
  let pairs: Pair[] = query === '' ? [] : query.split('&').map((text) => ({ name: nameOf(text), text }));
  for (const change of changes) {
    if (change.op === 'rename') {
      if (!pairs.some(({ name }) => name === change.name)) continue;
      pairs = pairs
        .filter(({ name }) => name !== change.to)
        .map((pair) => (pair.name === change.name ? renamed(pair, change.to) : pair));
      continue;
    }
    pairs = pairs.filter(({ name }) => name !== change.name);
    if (change.op === 'set') {
      const value = encodeURIComponent(renderTemplate(change.value, variables, String));
      pairs.push({ name: change.name, text: `${encodeURIComponent(change.name)}=${value}` });
    }
  }
  return pairs.map(({ text }) => text).join('&');
}

function renamed({ text }: Pair, to: string): Pair {
  const mark = text.indexOf('=');
  return { name: to, text: encodeURIComponent(to) + (mark === -1 ? '' : text.slice(mark)) };
}
