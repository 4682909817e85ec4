import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';

/** What a server does with a request for events, and its sides of the streams that are open. */
export function openFeed() {
  const open = new Set<ServerResponse>();
  const listener: RequestListener = (request, response) => {
    request.resume();
    open.add(response);
    response.on('close', () => open.delete(response));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
  };
  return { open, listener };
}

/** What a browser's EventSource says; `null` says nothing of the kind. */
export const ONLY_EVENTS = 'text/event-stream';

/** Asks for events. What comes back is a stream of them, or a refusal. */
export async function listen(url: string, token: string | null, accept: string | null = ONLY_EVENTS) {
  const request = httpRequest(url, {
    agent: false,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(accept !== null && { accept }),
    },
  });
  request.on('error', () => undefined);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  const end = once(response, 'end');
  end.catch(() => undefined); // most streams are left
  return { status: response.statusCode ?? 0, request, response, end };
}
export type Listening = Awaited<ReturnType<typeof listen>>;
