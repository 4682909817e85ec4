/** Values that may stand in a template. The set is closed: nothing else of a request can be asked for. */
export type Variable = 'tenant.id' | 'tenant.slug' | 'user.id' | 'request.id' | `path.${string}`;
export type Variables = (name: Variable) => string;

/** Texts and variables in turn, the texts first. */
export type Template = { readonly texts: readonly string[]; readonly variables: readonly Variable[] };

const PLACEHOLDER = /\$\{([^}]*)\}/g;

/** Takes a template apart, or says what is wrong with it. */
export function parseTemplate(text: string, known: ReadonlySet<string>): Template | { readonly fault: string } {
  const texts: string[] = [];
  const variables: Variable[] = [];
  let from = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    const name = match[1] ?? '';
    if (!known.has(name)) return { fault: `has a variable that is not known here: ${name.slice(0, 64)}` };
    texts.push(text.slice(from, match.index));
    variables.push(name as Variable);
    from = match.index + match[0].length;
  }
  const tail = text.slice(from);
  if (tail.includes('${')) return { fault: 'has a variable that does not end' };
  texts.push(tail);
  return { texts, variables };
}

/** @param encode makes a value harmless where it is put; the template's own text was looked at when it was registered */
export function renderTemplate(
  { texts, variables }: Template,
  values: Variables,
  encode: (value: string) => string,
): string {
  let rendered = texts[0] ?? '';
  for (const [index, name] of variables.entries()) rendered += encode(values(name)) + (texts[index + 1] ?? '');
  return rendered;
}

export const parsedTemplate = (text: string, known: ReadonlySet<string>): Template => {
  const template = parseTemplate(text, known);
  if ('fault' in template) throw new RangeError(`A template ${template.fault}.`);
  return template;
};

/** What can be asked for on a route: nobody is known on a public one. */
export const knownVariables = (parameters: readonly string[], isPublic: boolean): ReadonlySet<string> =>
  new Set([
    'request.id',
    ...parameters.map((name) => `path.${name}`),
    ...(isPublic ? [] : ['tenant.id', 'tenant.slug', 'user.id']),
  ]);
