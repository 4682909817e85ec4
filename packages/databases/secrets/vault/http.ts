import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { VaultSettings } from './settings.ts';

export type VaultRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below `/v1/`. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
};

export type VaultAnswer = { readonly status: number; readonly body: unknown };

export type VaultHttp = {
  /** Rejects when there is no answer; every status is an answer. */
  readonly send: (request: VaultRequest, token: string | null, signal: AbortSignal) => Promise<VaultAnswer>;
  readonly close: () => void;
};

const CONNECTIONS = 16;
/** Of an answer: far more than a secret is. */
const MAX_BYTES = 1_048_576;

/** A pool of connections that are kept, one request each at a time. */
export function openVaultHttp({
  address,
  namespace,
  caFile,
}: Pick<VaultSettings, 'address' | 'namespace' | 'caFile'>): VaultHttp {
  const origin = new URL(address);
  const isSecure = origin.protocol === 'https:';
  const kept = { keepAlive: true, maxSockets: CONNECTIONS };
  const agent = isSecure
    ? new https.Agent({ ...kept, minVersion: 'TLSv1.2', ...(caFile === '' ? {} : { ca: readFileSync(caFile) }) })
    : new http.Agent(kept);
  const { request: open } = isSecure ? https : http;

  return {
    async send({ method, path, body }, token, signal) {
      const payload = body === undefined ? null : JSON.stringify(body);
      const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
      const request = open(new URL(`/v1/${path}`, origin), {
        method,
        agent,
        signal,
        headers: {
          // Vault refuses what a browser could be made to send.
          'x-vault-request': 'true',
          ...(token === null ? {} : { 'x-vault-token': token }),
          ...(namespace === '' ? {} : { 'x-vault-namespace': namespace }),
          ...(payload === null
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      });
      request.once('response', resolve);
      // Stays: a connection can break again after the answer has begun.
      request.on('error', reject);
      request.end(payload ?? undefined);
      const response = await promise;
      return { status: response.statusCode ?? 0, body: await readBody(response) };
    },
    close: () => agent.destroy(),
  };
}

async function readBody(response: http.IncomingMessage): Promise<unknown> {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) response.destroy(new Error('The answer is too large.'));
  });
  const content = await text(response);
  try {
    return JSON.parse(content);
  } catch {
    // Of a proxy in between, or none at all (204): the status says what there is to say.
    return null;
  }
}
