/** A client of the public API as small as can be: what the README does with curl. */
export type Answer<Body> = { readonly status: number; readonly headers: Headers; readonly body: Body };

export type Json = Readonly<Record<string, unknown>>;

export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}

export type RequestOptions = {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

export async function request<Body = Json>(
  url: string,
  method: string,
  options: RequestOptions = {},
): Promise<Answer<Body>> {
  const headers: Record<string, string> = { ...options.headers };
  if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(url, {
    method,
    headers,
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  const body: unknown = isJson ? await response.json() : Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body: body as Body };
}

/** The same, for when there is only one right answer. */
export async function expectAnswer<Body = Json>(
  status: number,
  url: string,
  method: string,
  options: RequestOptions = {},
): Promise<Body> {
  const answer = await request<Body>(url, method, options);
  if (answer.status !== status) {
    throw new UnexpectedAnswer(
      `${method} ${url} answered ${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`,
    );
  }
  return answer.body;
}

/** Asks until `fits`; for what follows by events. */
export async function waitFor<Body>(
  ask: () => Promise<Body>,
  fits: (body: Body) => boolean,
  limitMs = 15_000,
): Promise<Body> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const body = await ask();
    if (fits(body)) return body;
    if (Date.now() >= deadline)
      throw new UnexpectedAnswer(`Waited ${limitMs} ms in vain; last seen: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
