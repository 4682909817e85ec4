import { gunzipSync, inflateSync } from 'node:zlib';
import { Agent, request } from 'undici';
import type { Webhook } from '../world/bot.ts';
import type { Update } from '../world/wire.ts';

export type PostOutcome =
  | { readonly delivered: true; readonly contentType: string; readonly body: Buffer }
  | {
      readonly delivered: false;
      readonly status: number | undefined;
      readonly retryAfter: string | undefined;
      readonly error: string;
    };

/** What the real server's connections say, by the error of ours. */
const ERROR_TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  UND_ERR_SOCKET: 'Connection reset by peer',
  ENOTFOUND: 'Failed to resolve host: Name or service not known',
  EAI_AGAIN: 'Failed to resolve host: Temporary failure in name resolution',
  UND_ERR_CONNECT_TIMEOUT: 'Connection timed out',
};

/** No timeouts of its own: how long an answer may take is decided on the simulated clock by whoever aborts. */
export const createWebhookAgent = (certificate: string | null): Agent =>
  new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connections: 100,
    ...(certificate === null ? {} : { connect: { ca: certificate } }),
  });

export async function postUpdate(
  webhook: Webhook,
  update: Update,
  agent: Agent,
  signal: AbortSignal,
): Promise<PostOutcome> {
  const url = new URL(webhook.url);
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'accept-encoding': 'gzip, deflate',
  };
  if (webhook.secretToken !== null) headers['x-telegram-bot-api-secret-token'] = webhook.secretToken;
  if (credentials !== ':') headers['authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
  url.username = '';
  url.password = '';
  try {
    const answer = await request(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(update),
      dispatcher: agent,
      signal,
    });
    const raw = Buffer.from(await answer.body.arrayBuffer());
    if (answer.statusCode >= 200 && answer.statusCode < 300) {
      const body = decompress(raw, firstOf(answer.headers['content-encoding']));
      return { delivered: true, contentType: firstOf(answer.headers['content-type']) ?? '', body };
    }
    const error = `Wrong response from the webhook: ${answer.statusCode} ${answer.statusText}`.trimEnd();
    return { delivered: false, status: answer.statusCode, retryAfter: firstOf(answer.headers['retry-after']), error };
  } catch (error) {
    return { delivered: false, status: undefined, retryAfter: undefined, error: describe(error, signal) };
  }
}

function describe(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'Read timeout expired';
  if (!(error instanceof Error)) return 'Connection failed';
  const code = 'code' in error ? String(error.code) : '';
  return ERROR_TEXTS[code] ?? (/CERT|SSL|TLS/i.test(code) ? `SSL error {${error.message}}` : 'Connection failed');
}

const firstOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

function decompress(body: Buffer, encoding: string | undefined): Buffer {
  switch (encoding?.toLowerCase()) {
    case 'gzip':
      return gunzipSync(body);
    case 'deflate':
      return inflateSync(body);
    default:
      return body;
  }
}
