const TIMEOUT_MS = 2_000;

/** Requests to whichever hub answered last; another one's turn comes when somebody says that it does not. */
export class HubRequests {
  readonly #bases: readonly string[];
  readonly #token: string;
  #current = 0;

  /** One address, or several with commas between; and what is asked for there. */
  constructor(hubUrls: string, token: string, path = '/v1/registry/instances') {
    this.#bases = hubUrls.split(',').map((url) => `${url.trim()}${path}`);
    this.#token = token;
  }

  request(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.#bases[this.#current]}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Each hub once, until one answers. */
  async requestAnywhere(method: string, path: string): Promise<Response> {
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
