import type { Route } from '../edge/exchange.ts';

const MAX_PARAMETER_CHARACTERS = 256;
/** What is decoded, or ends the path. */
const ODD = /[%?#]/;
/** Stands for a parameter in a key; nothing that is asked for can contain it. */
const ANY = '\0';

/** A pattern without parameters but for its last segment; what stands before that one. */
const ONE_AT_THE_END = /^([^:]*\/):[A-Za-z]+$/;

/** Which segments of a pattern are parameters, from the left. */
type Shape = readonly number[];

/** What is literal from the left comes first. */
function compareShapes(a: Shape, b: Shape): number {
  for (let at = 0; at < a.length || at < b.length; at++) {
    const [next = Number.POSITIVE_INFINITY, other = Number.POSITIVE_INFINITY] = [a[at], b[at]];
    if (next !== other) return next > other ? -1 : 1;
  }
  return 0;
}

/** Where the segments of a path begin, and where one more would. One list for all paths: it is used up before the next comes. */
const starts: number[] = [];

/** Fills the list. @returns how many segments there are */
function findStarts(path: string): number {
  let count = 0;
  for (let at = 0; at !== -1; at = path.indexOf('/', at + 1)) starts[count++] = at + 1;
  starts[count] = path.length + 1;
  return count;
}

const shapeOf = (pattern: string): Shape =>
  pattern
    .slice(1)
    .split('/')
    .flatMap((segment, at) => (segment.startsWith(':') ? [at] : []));

/** Of a path whose starts were found. Undefined where something too long stands for a parameter. */
function keyOf(path: string, shape: Shape): string | undefined {
  let key = '';
  let from = 0;
  for (const at of shape) {
    const begin = starts[at] ?? 0;
    const end = (starts[at + 1] ?? 0) - 1;
    if (end - begin > MAX_PARAMETER_CHARACTERS && isTooLong(path.slice(begin, end))) return undefined;
    key += path.slice(from, begin) + ANY;
    from = end;
  }
  return key + path.slice(from);
}

/** What stays encoded while paths are compared: characters that mean something in a URL. */
const KEPT_ENCODED = /%(?:2[3-6BCF]|3[ABDF]|40)/gi;

const isTooLong = (segment: string): boolean =>
  segment.length > MAX_PARAMETER_CHARACTERS && segment.replace(KEPT_ENCODED, '_').length > MAX_PARAMETER_CHARACTERS;

/** As services read it, by the same rules as find-my-way; undefined for what is no encoded UTF-8. */
function decoded(path: string): string | undefined {
  const end = path.slice(1).search(/[?#]/);
  const whole = end === -1 ? path : path.slice(0, end + 1);
  try {
    return decodeURI(whole.replaceAll('%25', '%2525'));
  } catch {
    return undefined;
  }
}

/**
 * The routes of one method, by what is literal in them: without a parameter by the whole path, with one at the end, as most
 * have, by what stands before it, and all others by their literal segments, once for every shape that there is. A tree would
 * cost a few hundred bytes more for each of many thousand routes, and a cache miss per segment.
 *
 * Of patterns that take the same path the one is found that is literal where the others are not yet, from the left.
 */
export class MethodRoutes {
  readonly #whole = new Map<string, Route>();
  readonly #upToLast = new Map<string, Route>();
  readonly #others = new Map<string, Route>();
  /** Of `#others`, by the number of segments. One that nobody has any more costs one look-up and stays. */
  readonly #shapes: Shape[][] = [];

  /** Whoever is found for what this pattern takes. */
  at(pattern: string): Route | undefined {
    const [routes, key] = this.#slotOf(pattern);
    return routes.get(key);
  }

  set(pattern: string, route: Route): void {
    const [routes, key] = this.#slotOf(pattern);
    routes.set(key, route);
    if (routes !== this.#others) return;
    const shape = shapeOf(pattern);
    const count = findStarts(pattern);
    const known = this.#shapes[count] ?? [];
    this.#shapes[count] = known;
    if (known.every((one) => compareShapes(one, shape) !== 0)) known.push(shape);
    known.sort(compareShapes);
  }

  delete(pattern: string): void {
    const [routes, key] = this.#slotOf(pattern);
    routes.delete(key);
  }

  find(received: string): Route | undefined {
    const whole = this.#whole.get(received);
    if (whole !== undefined) return whole;
    if (!ODD.test(received)) return this.#findByParameters(received);
    const path = decoded(received);
    return path === undefined ? undefined : (this.#whole.get(path) ?? this.#findByParameters(path));
  }

  #findByParameters(path: string): Route | undefined {
    const last = path.lastIndexOf('/') + 1;
    const found = this.#upToLast.get(path.slice(0, last));
    if (found !== undefined && (path.length - last <= MAX_PARAMETER_CHARACTERS || !isTooLong(path.slice(last))))
      return found;
    return this.#others.size === 0 ? undefined : this.#findByShape(path);
  }

  #findByShape(path: string): Route | undefined {
    const shapes = this.#shapes[findStarts(path)];
    if (shapes === undefined) return undefined;
    for (const shape of shapes) {
      const key = keyOf(path, shape);
      const found = key === undefined ? undefined : this.#others.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #slotOf(pattern: string): readonly [routes: Map<string, Route>, key: string] {
    const before = ONE_AT_THE_END.exec(pattern)?.[1];
    if (before !== undefined) return [this.#upToLast, before];
    if (!pattern.includes(':')) return [this.#whole, pattern];
    findStarts(pattern);
    return [this.#others, keyOf(pattern, shapeOf(pattern)) ?? pattern];
  }
}
