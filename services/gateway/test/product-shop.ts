import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PLATFORM_TENANT_ID, type TenantId } from '@tenantry/kernel/id.ts';
import { openSetting, type Setting } from './setting.ts';

/** Tenants may have their upstreams there. */
export const LOOPBACK = { UPSTREAM_ALLOWED_NETWORKS: '127.0.0.0/8' };

export type Answer = { readonly status: number; readonly body: Record<string, unknown>; readonly headers: Headers };

/** One request with a JSON body or none, and what came back. */
export async function call(
  url: string,
  method: string,
  token: string | null,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    body: isJson && text !== '' ? JSON.parse(text) : { text },
    headers: response.headers,
  };
}

/** What a product saw of a request. */
export type Seen = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
};

/** A product of somebody's: remembers what it was asked and answers as it is told, by default with what it saw. */
export async function openProduct() {
  const seen: Seen[] = [];
  const echo: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(seen.at(-1)));
  };
  let listener = echo;
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      seen.push({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() });
      listener(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer(next: RequestListener = echo): void {
      listener = next;
      seen.length = 0;
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type Product = Awaited<ReturnType<typeof openProduct>>;

export const operatorToken = (setting: Setting): string => setting.token(PLATFORM_TENANT_ID, { roles: ['operator'] });
export const adminToken = (setting: Setting, tenantId: TenantId): string =>
  setting.token(tenantId, { roles: ['admin'] });
export const memberToken = (setting: Setting, tenantId: TenantId): string =>
  setting.token(tenantId, { roles: ['member'] });

/** Registers, and fails loudly when that is refused. Returns the id. */
export async function register(
  gatewayUrl: string,
  kind: 'upstreams' | 'routes',
  token: string,
  body: Record<string, unknown>,
): Promise<string> {
  const answer = await call(`${gatewayUrl}/v1/${kind}`, 'POST', token, body);
  if (answer.status !== 201) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
  return String(answer.body.id);
}

/** A setting with two tenants, whose people have tokens, and a gateway that lets them have products on this machine. */
export async function openProductSetting(environment: Readonly<Record<string, string>> = {}) {
  const setting = await openSetting();
  const acme = await setting.tenant();
  const globex = await setting.tenant({ slug: 'globex' });
  const admin = adminToken(setting, acme.id);
  const gateway = (await setting.gateway({ ...LOOPBACK, ...environment })).url;
  return {
    setting,
    gateway,
    acme,
    globex,
    admin,
    member: memberToken(setting, acme.id),
    /** Of the other tenant. */
    stranger: memberToken(setting, globex.id),
    operator: operatorToken(setting),
    upstream: (urls: readonly string[], more: Record<string, unknown> = {}, token = admin) =>
      register(gateway, 'upstreams', token, { name: 'Shop', targets: urls.map((url) => ({ url })), ...more }),
  };
}
export type ProductSetting = Awaited<ReturnType<typeof openProductSetting>>;

/** As it is written in a template. */
export const variable = (name: string): string => `\${${name}}`;
