import type { HubAnswer, PinnedHub } from '@tenantry/mesh/identity/pinned-hub.ts';

const TIMEOUT_MS = 2_000;

/** Requests to whichever hub answered last; another one's turn comes when somebody says that it does not. */
export class HubRequests {
  readonly #bases: readonly string[];
  readonly #token: string;
  readonly #pinned: PinnedHub | null;
  #current = 0;

  /** One address, or several with commas between; what is asked for there; and the way to those that begin with https. */
  constructor(hubUrls: string, token: string, path = '/v1/registry/instances', pinned: PinnedHub | null = null) {
    this.#bases = hubUrls.split(',').map((url) => `${url.trim()}${path}`);
    this.#token = token;
    this.#pinned = pinned;
  }

  request(method: string, path: string, body?: unknown): Promise<HubAnswer> {
    const url = `${this.#bases[this.#current]}${path}`;
    const request = {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    return this.#pinned !== null && url.startsWith('https:') ? this.#pinned.fetch(url, request) : fetch(url, request);
  }

  /** Each hub once, until one answers. */
  async requestAnywhere(method: string, path: string): Promise<HubAnswer> {
    for (let tried = 1; tried < this.#bases.length; tried++) {
      const answer = await this.request(method, path).catch(() => null);
      if (answer !== null) return answer;
      this.tryAnother();
    }
    return this.request(method, path);
  }

  tryAnother(): void {
    this.#current = (this.#current + 1) % this.#bases.length;
  }
}
