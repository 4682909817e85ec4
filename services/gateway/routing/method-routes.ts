import type { Route } from '../edge/exchange.ts';

const MAX_PARAMETER_CHARACTERS = 256;
const PARAMETER = /^:[A-Za-z]+$/;
/** What is decoded, or ends the path. */
const ODD = /[%?#]/;
/** Stands for a parameter in a key; nothing that is asked for can contain it. */
const ANY = '\0';

/** A pattern without parameters but for its last segment; what stands before that one. */
const ONE_AT_THE_END = /^([^:]*\/):[A-Za-z]+$/;

/** Which segments of a pattern are parameters, from the first on. */
type Shape = readonly boolean[];

const shapeOf = (path: string): Shape => path.split('/').map((segment) => PARAMETER.test(segment));

/** What is literal from the left comes first. */
function compareShapes(a: Shape, b: Shape): number {
  const at = a.findIndex((isParameter, index) => isParameter !== b[index]);
  return at === -1 ? 0 : Number(a[at]) - Number(b[at]);
}

/** Undefined where something too long stands for a parameter. */
function keyOf(segments: readonly string[], shape: Shape): string | undefined {
  let key = '';
  for (let at = 1; at < segments.length; at++) {
    const segment = segments[at] ?? '';
    if (shape[at] === true) {
      if (isTooLong(segment)) return undefined;
      key += `/${ANY}`;
    } else key += `/${segment}`;
  }
  return key;
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
    const known = this.#shapes[shape.length] ?? [];
    this.#shapes[shape.length] = known;
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
    return this.#others.size === 0 ? undefined : this.#findByShape(path.split('/'));
  }

  #findByShape(segments: readonly string[]): Route | undefined {
    for (const shape of this.#shapes[segments.length] ?? []) {
      const key = keyOf(segments, shape);
      const found = key === undefined ? undefined : this.#others.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #slotOf(pattern: string): readonly [routes: Map<string, Route>, key: string] {
    const before = ONE_AT_THE_END.exec(pattern)?.[1];
    if (before !== undefined) return [this.#upToLast, before];
    if (!pattern.includes(':')) return [this.#whole, pattern];
    return [this.#others, keyOf(pattern.split('/'), shapeOf(pattern)) ?? pattern];
  }
}
