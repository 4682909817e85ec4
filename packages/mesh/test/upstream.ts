import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Seen = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Upstream = {
  readonly url: string;
  readonly seen: readonly Seen[];
  /** What it does from now on. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  readonly close: () => Promise<void>;
};

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Upstream['answer'] => {
  const type = status >= 400 ? 'application/problem+json; charset=utf-8' : 'application/json; charset=utf-8';
  return (_request, response) =>
    response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body));
};

/** A real HTTP server on a free port that remembers what it was asked. */
export async function openUpstream(answer: Upstream['answer']): Promise<Upstream> {
  const seen: Seen[] = [];
  const upstream = {
    answer,
    seen,
    url: '',
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    upstream.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return upstream;
}

/** An address at which nobody listens. */
export async function closedUrl(): Promise<string> {
  const upstream = await openUpstream(json(200, {}));
  await upstream.close();
  return upstream.url;
}
