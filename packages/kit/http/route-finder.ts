import { malformedRequest, notFound } from '@tenantry/kernel/problems.ts';
import findMyWay, { type HTTPMethod } from 'find-my-way';
import type { AnsweredRoute } from './answering.ts';

export type Found = { readonly route: AnsweredRoute; readonly params: unknown; readonly query: unknown };

/** Finds routes as the HTTP server does: by the same library, set up alike. */
export class RouteFinder {
  readonly #router = findMyWay({ ignoreTrailingSlash: false, caseSensitive: true, onBadUrl: unused });

  constructor(routes: readonly AnsweredRoute[]) {
    for (const route of routes) {
      // HEAD is answered as GET is, without the body.
      const methods = route.method === 'GET' ? (['GET', 'HEAD'] as const) : [route.method];
      this.#router.on([...methods], route.path, unused, route);
    }
  }

  /** @param url with its query. Throws what there is to say of an address that leads nowhere. */
  find(method: HTTPMethod, url: string): Found {
    const found = this.#router.find(method, url);
    if (found === null) throw notFound('There is nothing at this address.');
    const route: AnsweredRoute | null = found.store;
    // The router's own, for what cannot be decoded.
    if (route === null) throw malformedRequest('The request cannot be understood. Check its length and its path.');
    return { route, params: found.params, query: found.searchParams };
  }
}

const unused = (): void => undefined;
