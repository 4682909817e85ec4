/** What a path leads to, and what stood for the parameters of its pattern. */
export type PathMatch<Value> = { readonly value: Value; readonly params: Readonly<Record<string, string>> };

type Leaf<Value> = { readonly value: Value; readonly names: readonly string[] };
type Node<Value> = {
  /** Most have one fixed segment after them, and no map for it; `fixed` has all where there are more. */
  onlyKey: string | null;
  only: Node<Value> | null;
  fixed: Map<string, Node<Value>> | null;
  parameter: Node<Value> | null;
  /** Of patterns that end here. */
  leaf: Leaf<Value> | null;
  /** Of patterns that end with `*` here. */
  rest: Leaf<Value> | null;
};

const newNode = <Value>(): Node<Value> => ({
  onlyKey: null,
  only: null,
  fixed: null,
  parameter: null,
  leaf: null,
  rest: null,
});

const childOf = <Value>(node: Node<Value>, key: string): Node<Value> | null =>
  node.fixed === null ? (node.onlyKey === key ? node.only : null) : (node.fixed.get(key) ?? null);

function addChild<Value>(node: Node<Value>, key: string): Node<Value> {
  const there = childOf(node, key);
  if (there !== null) return there;
  const child = newNode<Value>();
  if (node.only === null || node.onlyKey === null) {
    node.onlyKey = key;
    node.only = child;
  } else {
    node.fixed ??= new Map([[node.onlyKey, node.only]]);
    node.fixed.set(key, child);
  }
  return child;
}

/** Under which `*` is found. */
export const REST = 'rest';

const segmentsOf = (path: string): string[] => path.split('/').slice(1);

export const parametersOf = (pattern: string): string[] =>
  segmentsOf(pattern).flatMap((segment) => (segment.startsWith(':') ? [segment.slice(1)] : []));

/** Patterns of one shape take the same requests. */
export const shapeOfPath = (pattern: string): string =>
  segmentsOf(pattern)
    .map((segment) => (segment.startsWith(':') ? ':' : segment.toLowerCase()))
    .join('/');

/**
 * Finds the most specific of many patterns: a fixed segment before a parameter, a parameter before the rest. A few
 * hundred bytes per pattern and no code made at run time, for there may be thousands of these trees.
 *
 * A pattern takes whatever any usual server would take for the same resource: letters of either case, with or without a
 * slash at the end, encoded or not. So nothing is asked of a stricter route that can be had around it through a laxer one.
 */
export class PathTree<Value> {
  readonly #root = newNode<Value>();

  /** The first of two patterns of one shape stays. */
  add(pattern: string, value: Value): boolean {
    let node = this.#root;
    const names: string[] = [];
    for (const segment of segmentsOf(pattern)) {
      if (segment === '*') {
        if (node.rest !== null) return false;
        node.rest = { value, names };
        return true;
      }
      if (segment.startsWith(':')) {
        names.push(segment.slice(1));
        node.parameter ??= newNode();
        node = node.parameter;
      } else node = addChild(node, segment.toLowerCase());
    }
    if (node.leaf !== null) return false;
    node.leaf = { value, names };
    return true;
  }

  find(path: string): PathMatch<Value> | null {
    const raw = segmentsOf(path);
    if (raw.at(-1) === '') raw.pop();
    const values: string[] = [];
    const found = descend(this.#root, raw, 0, values);
    if (found === null) return null;
    const params: Record<string, string> = {};
    for (const [index, name] of found.leaf.names.entries()) params[name] = values[index] ?? '';
    if (found.restFrom !== null) params[REST] = segmentsOf(path).slice(found.restFrom).join('/');
    return { value: found.leaf.value, params };
  }
}

type Found<Value> = { readonly leaf: Leaf<Value>; readonly restFrom: number | null };

/** Whoever called has checked that the path is encoded UTF-8. */
const decoded = (segment: string): string => (segment.includes('%') ? decodeURIComponent(segment) : segment);

function descend<Value>(
  node: Node<Value>,
  segments: readonly string[],
  at: number,
  values: string[],
): Found<Value> | null {
  const segment = segments[at];
  if (segment === undefined) {
    if (node.leaf !== null) return { leaf: node.leaf, restFrom: null };
    return node.rest === null ? null : { leaf: node.rest, restFrom: at };
  }
  const text = decoded(segment);
  const fixed = childOf(node, text.toLowerCase());
  if (fixed !== null) {
    const found = descend(fixed, segments, at + 1, values);
    if (found !== null) return found;
  }
  if (node.parameter !== null) {
    const depth = values.length;
    values.push(text);
    const found = descend(node.parameter, segments, at + 1, values);
    if (found !== null) return found;
    values.length = depth;
  }
  return node.rest === null ? null : { leaf: node.rest, restFrom: at };
}
