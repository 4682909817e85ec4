import { connect } from 'node:net';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { answersWith, openSetting } from './setting.ts';

/** What the service saw of a request. */
export type Seen = {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly body: string;
  /** Who it is told to be from. */
  readonly client: unknown;
};

/** A gateway before a bare service of notes, which remembers what it was asked; for bytes that no client would send. */
export async function openRawNotes(environment: Readonly<Record<string, string>>, endpoints: readonly Endpoint[]) {
  const setting = await openSetting();
  const tenant = await setting.tenant();
  const token = setting.token(tenant.id);
  const gatewayUrl = (await setting.gateway(environment)).url;
  const seen: Seen[] = [];
  await setting.rawService('notes', endpoints, (request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('error', () => undefined);
    request.on('end', () => {
      const { method = '', url = '', rawHeaders: headers } = request;
      seen.push({ method, url, headers, body, client: request.headers['tenantry-client-address'] });
      response.setHeader('content-type', 'application/json');
      response.end('{"reached":true}');
    });
  });
  await answersWith(200, () => fetch(`${gatewayUrl}/v1/notes/1`, { headers: { authorization: `Bearer ${token}` } }));
  return { setting, gatewayUrl, token, seen };
}
export type RawNotes = Awaited<ReturnType<typeof openRawNotes>>;

export type RawOptions = {
  /** Between two pieces. */
  readonly pauseMs?: number;
  /** Nothing more is waited for. */
  readonly isEnough?: (text: string) => boolean;
};

/** Everything that comes back for these pieces on a fresh connection until the gateway closes it, or it is enough. */
export function exchangeRaw(
  url: string,
  pieces: readonly string[],
  { pauseMs = 0, isEnough = () => false }: RawOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let text = '';
    const left = [...pieces];
    const writeNext = (): void => {
      const piece = left.shift();
      if (piece === undefined || socket.destroyed) return;
      socket.write(piece, 'latin1');
      if (left.length > 0) setTimeout(writeNext, pauseMs);
    };
    const finish = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.on('connect', writeNext);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (isEnough(text)) finish();
    });
    socket.on('close', finish);
    socket.on('error', () => undefined);
    socket.setTimeout(8_000, () => reject(new Error(`still open after: ${text}`)));
  });
}
