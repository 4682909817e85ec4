import { readFileSync } from 'node:fs';
import { openApiDocument } from '@tenantry/contract/openapi.ts';
import { operationOf } from '@tenantry/mesh/registry.ts';
import { SECURITY_HEADERS } from '../edge/answer-headers.ts';
import type { Exchange } from '../edge/exchange.ts';
import { sendWhole } from '../edge/send.ts';
import type { Routes } from '../routing/routes.ts';

const readVersion = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return String((manifest as { version?: unknown }).version);
};

/** One OpenAPI document out of what all services have registered, made again when that changes. */
export function createApiDescription(routes: Routes, serverUrl: string) {
  const version = readVersion();
  let document: Buffer | null = null;
  routes.onChange(() => {
    document = null;
  });
  return (exchange: Exchange): void => {
    document ??= Buffer.from(
      JSON.stringify(openApiDocument(routes.endpoints.map(operationOf), { version, serverUrl })),
    );
    sendWhole(exchange, 200, ['content-type', 'application/json; charset=utf-8', ...SECURITY_HEADERS], document);
  };
}
