import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { vi } from 'vitest';

/** More than what is held whole is made of these. */
export const PIECE = Buffer.alloc(65_536, 'x');

export type Answer = {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
};

export async function answerTo(request: ClientRequest): Promise<Answer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, text: await textOf(response), headers: response.headers };
}

export async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message) text += chunk;
  return text;
}

/** Takes what comes; `brokenOff` resolves when a request ends before it is whole. */
export function watchBrokenOff(): { readonly listener: RequestListener; readonly brokenOff: Promise<void> } {
  const { promise: brokenOff, resolve } = Promise.withResolvers<void>();
  const listener: RequestListener = (request) => {
    request.resume();
    request.on('close', () => {
      if (!request.complete) resolve();
    });
  };
  return { listener, brokenOff };
}

/** Answers with the digest of a body, how it was framed and whose it is said to be. */
export const tellDigest: RequestListener = (request, response) => {
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  request.on('end', () => {
    const { 'content-length': length, 'transfer-encoding': coding, 'x-tenantry-tenant-id': tenant } = request.headers;
    response.end(JSON.stringify({ digest: hash.digest('hex'), length, coding, tenant }));
  });
};

/** What `tellDigest` says of a file that comes with its length, and of one that comes chunk by chunk. */
export async function digestsOf(
  file: Buffer,
  begin: (headers: Record<string, string>) => ClientRequest,
): Promise<readonly [sized: unknown, chunked: unknown]> {
  const sized = begin({ 'content-length': String(file.length) });
  sized.end(file);
  const first: unknown = JSON.parse((await answerTo(sized)).text);
  const chunked = begin({});
  for (let i = 0; i < file.length; i += 1_000_000) chunked.write(file.subarray(i, i + 1_000_000));
  chunked.end();
  return [first, JSON.parse((await answerTo(chunked)).text)];
}

/** Sends so much, no faster than it is taken. Returns how much has been sent. */
export function sendAsTaken(request: ClientRequest, bytes: number): () => number {
  let sent = 0;
  const send = (): void => {
    while (sent < bytes) {
      sent += PIECE.length;
      if (!request.write(PIECE)) {
        request.once('drain', send);
        return;
      }
    }
    request.end();
  };
  send();
  return () => sent;
}

/** Answers without end, no faster than it is taken. Returns how much has been sent. */
export function answerAsTaken(response: ServerResponse): () => number {
  let sent = 0;
  const more = (): void => {
    while (!response.destroyed && response.write(PIECE)) sent += PIECE.length;
    response.once('drain', more);
  };
  more();
  return () => sent;
}

/** Waits until an amount grows no more, and returns it. */
export async function untilStill(amount: () => number): Promise<number> {
  let before = -1;
  let looksStill = 0;
  await vi.waitFor(
    () => {
      // More than once: on a busy machine nothing may move for a moment although nobody holds it back.
      looksStill = amount() === before ? looksStill + 1 : 0;
      before = amount();
      if (looksStill < 3) throw new Error('still flowing');
    },
    { timeout: 30_000, interval: 200 },
  );
  return before;
}
