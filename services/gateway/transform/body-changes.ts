import type { BodyChange } from '../contract/transform.ts';
import { isRawJSON } from './json-text.ts';
import { parsedTemplate, renderTemplate, type Template, type Variables } from './template.ts';

type Container = Record<string, unknown> | unknown[];
type Tokens = readonly string[];

type Compiled =
  | { readonly op: 'set'; readonly tokens: Tokens; readonly value: unknown }
  | { readonly op: 'remove'; readonly tokens: Tokens }
  | { readonly op: 'rename'; readonly tokens: Tokens; readonly to: Tokens }
  | { readonly op: 'select'; readonly all: readonly Tokens[] };

export type BodyChanges = readonly Compiled[];

/** RFC 6901 §4. */
const readPointer = (pointer: string): Tokens =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

const INDEX = /^(0|[1-9]\d{0,8})$/;
/** A text with variables, compiled where it stands in a value. */
class Filled {
  readonly template: Template;
  constructor(template: Template) {
    this.template = template;
  }
}

const isContainer = (value: unknown): value is Container =>
  typeof value === 'object' && value !== null && !isRawJSON(value) && !(value instanceof Filled);

const isObject = (value: unknown): value is Record<string, unknown> => isContainer(value) && !Array.isArray(value);

const compileValue = (value: unknown, known: ReadonlySet<string>): unknown => {
  if (typeof value === 'string') return value.includes('${') ? new Filled(parsedTemplate(value, known)) : value;
  if (Array.isArray(value)) return value.map((item) => compileValue(item, known));
  if (!isContainer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, compileValue(inner, known)]));
};

const fillValue = (value: unknown, variables: Variables): unknown => {
  if (value instanceof Filled) return renderTemplate(value.template, variables, String);
  if (Array.isArray(value)) return value.map((item) => fillValue(item, variables));
  if (!isContainer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fillValue(inner, variables)]));
};

export const compileBodyChanges = (changes: readonly BodyChange[], known: ReadonlySet<string>): BodyChanges =>
  changes.map((change) => {
    if (change.op === 'select') return { op: 'select', all: change.pointers.map(readPointer) };
    const tokens = readPointer(change.pointer);
    if (change.op === 'remove') return { op: 'remove', tokens };
    if (change.op === 'rename') return { op: 'rename', tokens, to: readPointer(change.to) };
    return { op: 'set', tokens, value: compileValue(change.value, known) };
  });

/**
 * Changes a JSON value. A name that meets a list goes on in each of its elements, a number in that one. What a change
 * names and is not there is left alone; `set` makes the objects that are missing on its way.
 */
export function changeBody(changes: BodyChanges, body: unknown, variables: Variables): unknown {
  let result = body;
  for (const change of changes) {
    switch (change.op) {
      case 'set':
        eachParent(result, change.tokens, true, (parent, name) =>
          put(parent, name, fillValue(change.value, variables)),
        );
        break;
      case 'remove':
        eachParent(result, change.tokens, false, take);
        break;
      case 'rename':
        rename(result, change.tokens, change.to);
        break;
      case 'select':
        result = select(result, change.all);
        break;
    }
  }
  return result;
}

function rename(body: unknown, from: Tokens, to: Tokens): void {
  const isSibling = from.length === to.length && from.slice(0, -1).every((token, index) => token === to[index]);
  const last = to.at(-1) ?? '';
  eachParent(body, from, false, (parent, name) => {
    if (!Object.hasOwn(parent, name)) return;
    const value = take(parent, name);
    if (isSibling) put(parent, last, value);
    else eachParent(body, to, true, (target, targetName) => put(target, targetName, value));
  });
}

/** Visits what holds the last of the tokens. */
function eachParent(
  value: unknown,
  tokens: Tokens,
  makes: boolean,
  visit: (parent: Container, name: string) => unknown,
  at = 0,
): void {
  if (!isContainer(value)) return;
  const token = tokens[at] ?? '';
  const isLast = at === tokens.length - 1;
  if (Array.isArray(value) && !INDEX.test(token) && !(isLast && token === '-')) {
    for (const element of value) eachParent(element, tokens, makes, visit, at);
    return;
  }
  if (isLast) {
    visit(value, token);
    return;
  }
  if (makes && !Array.isArray(value) && !Object.hasOwn(value, token)) put(value, token, {});
  if (Object.hasOwn(value, token)) eachParent((value as Record<string, unknown>)[token], tokens, makes, visit, at + 1);
}

function put(parent: Container, name: string, value: unknown): void {
  if (!Array.isArray(parent)) parent[name] = value;
  else if (name === '-') parent.push(value);
  else if (Number(name) < parent.length) parent[Number(name)] = value;
}

function take(parent: Container, name: string): unknown {
  if (!Object.hasOwn(parent, name)) return undefined;
  if (Array.isArray(parent)) return parent.splice(Number(name), 1)[0];
  const value = parent[name];
  delete parent[name];
  return value;
}

/** A copy with these members only. Of a list all elements stay, each cut down the same way. */
function select(value: unknown, all: readonly Tokens[]): unknown {
  if (Array.isArray(value)) return value.map((element) => select(element, all));
  if (!isObject(value)) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, own] of Map.groupBy(all, (tokens) => tokens[0] ?? '')) {
    if (!Object.hasOwn(value, name)) continue;
    const deeper = own.map((tokens) => tokens.slice(1));
    const member = value[name];
    kept[name] = deeper.some((tokens) => tokens.length === 0) ? member : select(member, deeper);
  }
  return kept;
}
