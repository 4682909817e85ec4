import type { IncomingHttpHeaders } from 'node:http';
import type { HeaderChange } from '../contract/transform.ts';
import { parsedTemplate, renderTemplate, type Template, type Variables } from './template.ts';

type Compiled =
  | { readonly op: 'set' | 'add'; readonly name: string; readonly value: Template }
  | { readonly op: 'remove'; readonly name: string }
  | { readonly op: 'rename'; readonly name: string; readonly to: string };

export type HeaderChanges = readonly Compiled[];

const VISIBLE = /^[\x20-\x7e]*$/;
/** A parameter of a path may hold any text; a header may not. What does not fit is percent-encoded, as it came. */
const toHeaderText = (value: string): string => (VISIBLE.test(value) ? value : encodeURIComponent(value));

export const compileHeaderChanges = (changes: readonly HeaderChange[], known: ReadonlySet<string>): HeaderChanges =>
  changes.map((change) => {
    const name = change.name.toLowerCase();
    if (change.op === 'remove') return { op: 'remove', name };
    if (change.op === 'rename') return { op: 'rename', name, to: change.to.toLowerCase() };
    return { op: change.op, name, value: parsedTemplate(change.value, known) };
  });

/** Changes names and values in turn, as they go to an upstream. */
export function changeHeaderPairs(changes: HeaderChanges, pairs: string[], variables: Variables): string[] {
  let result = pairs;
  for (const change of changes) {
    if (change.op === 'rename') {
      // What stood under the new name gives way: it was another thing.
      const has = result.some((name, index) => index % 2 === 0 && name === change.name);
      if (!has) continue;
      result = withoutName(result, change.to).map((text, index) =>
        index % 2 === 0 && text === change.name ? change.to : text,
      );
      continue;
    }
    if (change.op !== 'add') result = withoutName(result, change.name);
    if (change.op !== 'remove')
      result = [...result, change.name, renderTemplate(change.value, variables, toHeaderText)];
  }
  return result;
}

function withoutName(pairs: readonly string[], dropped: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] ?? '';
    if (name !== dropped) kept.push(name, pairs[i + 1] ?? '');
  }
  return kept;
}

const asList = (value: string | readonly string[] | undefined): string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : [...value];

/** Changes the headers of an answer, as undici gives them: by lower-case name. */
export function changeHeaderFields(
  changes: HeaderChanges,
  fields: IncomingHttpHeaders,
  variables: Variables,
): IncomingHttpHeaders {
  const result: IncomingHttpHeaders = { ...fields };
  for (const change of changes) {
    const values = asList(result[change.name]);
    if (change.op === 'rename') {
      if (values.length === 0) continue;
      delete result[change.name];
      result[change.to] = toField(values);
    } else if (change.op === 'remove') delete result[change.name];
    else {
      const value = renderTemplate(change.value, variables, toHeaderText);
      result[change.name] = toField(change.op === 'set' ? [value] : [...values, value]);
    }
  }
  return result;
}

// Node's type knows a list for a few names only; undici gives, and the relay takes, one for any.
const toField = (values: string[]): string => (values.length === 1 ? (values[0] ?? '') : (values as unknown as string));
