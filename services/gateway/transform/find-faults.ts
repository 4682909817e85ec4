import type { FieldError } from '@tenantry/kernel/problem.ts';
import type { BodyChange, HeaderChange, Transform } from '../contract/transform.ts';
import { parametersOf, REST } from '../products/path-tree.ts';
import { isProtectedHeader } from './protected-headers.ts';
import { knownVariables, parseTemplate } from './template.ts';

type Say = (path: string, message: string) => void;

const FORBIDDEN_MEMBERS = new Set(['__proto__', 'constructor', 'prototype']);
const PROTECTED = 'is a header that transformations leave alone';

/** What a schema cannot see of a transformation: protected names, unknown variables, paths that lead elsewhere. */
export function findTransformFaults(
  { request, response }: Transform,
  route: { readonly path: string; readonly isPublic: boolean },
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const say: Say = (path, message) => void errors.push({ path: `/transform${path}`, message });
  const parameters = parametersOf(route.path);
  const known = knownVariables(route.path.endsWith('/*') ? [...parameters, REST] : parameters, route.isPublic);
  const checkTemplate = (path: string, text: string): void => {
    const template = parseTemplate(text, known);
    if ('fault' in template) say(path, template.fault);
  };
  checkPath(request?.path, route.path, say, checkTemplate);
  for (const [index, change] of (request?.query ?? []).entries())
    if (change.op === 'set') checkTemplate(`/request/query/${index}/value`, change.value);
  checkHeaders('request', request?.headers ?? [], say, checkTemplate);
  checkHeaders('response', response?.headers ?? [], say, checkTemplate);
  checkBody('/request/body', request?.body ?? [], say, checkTemplate);
  checkBody('/response/body', response?.body ?? [], say, checkTemplate);
  return errors;
}

function checkPath(
  path: NonNullable<Transform['request']>['path'],
  routePath: string,
  say: Say,
  checkTemplate: Say,
): void {
  const { stripPrefix, rewrite } = path ?? {};
  if (stripPrefix !== undefined && rewrite !== undefined)
    say('/request/path', 'has either stripPrefix or rewrite, not both');
  if (stripPrefix !== undefined && !`${routePath.toLowerCase()}/`.startsWith(`${stripPrefix.toLowerCase()}/`))
    say('/request/path/stripPrefix', "is not how the route's path begins");
  if (rewrite === undefined) return;
  checkTemplate('/request/path/rewrite', rewrite);
  const bare = rewrite.replaceAll(/\$\{[^}]*\}/g, 'x');
  // The rest of a path may be empty.
  const least = rewrite.replaceAll(/\$\{[^}]*\}/g, '');
  if (bare.includes('//') || `${bare}/${least}`.split('/').some((segment) => segment === '.' || segment === '..'))
    say('/request/path/rewrite', 'has an empty segment or a dot segment');
  // Nothing checks a template's braces but the variables: what is left of them would be sent.
  if (/[{}]/.test(bare)) say('/request/path/rewrite', 'has braces that belong to no variable');
}

function checkHeaders(
  side: 'request' | 'response',
  changes: readonly HeaderChange[],
  say: Say,
  checkTemplate: Say,
): void {
  for (const [index, change] of changes.entries()) {
    const at = `/${side}/headers/${index}`;
    if (isProtectedHeader(change.name, side)) say(`${at}/name`, PROTECTED);
    if (change.op === 'rename' && isProtectedHeader(change.to, side)) say(`${at}/to`, PROTECTED);
    if (change.op === 'set' || change.op === 'add') checkTemplate(`${at}/value`, change.value);
  }
}

function checkBody(at: string, changes: readonly BodyChange[], say: Say, checkTemplate: Say): void {
  for (const [index, change] of changes.entries()) {
    const checkPointer = (field: string, pointer: string): void => {
      if (pointer.split('/').some((token) => FORBIDDEN_MEMBERS.has(token)))
        say(`${at}/${index}/${field}`, 'names a member that every object has');
    };
    if (change.op === 'select') {
      for (const [which, pointer] of change.pointers.entries()) checkPointer(`pointers/${which}`, pointer);
      continue;
    }
    checkPointer('pointer', change.pointer);
    if (change.op === 'rename') {
      checkPointer('to', change.to);
      if (change.to === change.pointer || change.to.startsWith(`${change.pointer}/`))
        say(`${at}/${index}/to`, 'lies inside of what is renamed');
    }
    if (change.op === 'set') checkTexts(`${at}/${index}/value`, change.value, say, checkTemplate);
  }
}

function checkTexts(at: string, value: unknown, say: Say, checkTemplate: Say): void {
  if (typeof value === 'string') checkTemplate(at, value);
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (FORBIDDEN_MEMBERS.has(name)) say(at, 'names a member that every object has');
    checkTexts(at, inner, say, checkTemplate);
  }
}
