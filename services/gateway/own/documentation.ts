import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Exchange } from '../edge/exchange.ts';
import { sendWhole } from '../edge/send.ts';
import { unknownPath } from '../routing/route-table.ts';

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Tenantry API</title>
    <link rel="icon" type="image/png" href="favicon-32x32.png">
    <link rel="stylesheet" href="swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="swagger-ui-bundle.js"></script>
    <script src="init.js"></script>
  </body>
</html>
`;

// A file of its own, so that the policy need not allow inline scripts.
const INIT = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
`;

/** Swagger UI sets style attributes and draws icons from data URLs; scripts come from here only. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_HEADERS: readonly string[] = [...['content-security-policy', POLICY]];

const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** The rendered API reference: Swagger UI over /openapi.json. Files are read when first asked for. */
export function createDocumentation() {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const files = new Map<string, Promise<Buffer>>();

  const read = (name: string): Promise<Buffer> => {
    const cached = files.get(name);
    if (cached !== undefined) return cached;
    const reading = readFile(join(folder, name));
    files.set(name, reading);
    // A failure is not kept, so that the next request tries again.
    reading.catch(() => files.delete(name));
    return reading;
  };
  const send = (exchange: Exchange, type: string, body: string | Buffer, cacheControl: string): void =>
    sendWhole(exchange, 200, ['content-type', type, 'cache-control', cacheControl, ...PAGE_HEADERS], body);

  return {
    redirect: (exchange: Exchange): void => sendWhole(exchange, 308, ['location', '/docs/', ...PAGE_HEADERS], ''),
    page: (exchange: Exchange): void => send(exchange, 'text/html; charset=utf-8', PAGE, 'no-cache'),
    asset: (exchange: Exchange): void | Promise<void> => {
      const name = exchange.target.path.slice('/docs/'.length);
      if (name === 'init.js') return send(exchange, 'text/javascript; charset=utf-8', INIT, 'no-cache');
      const type = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
      if (type === undefined) throw unknownPath();
      return read(name).then((bytes) => send(exchange, type, bytes, 'public, max-age=86400'));
    },
  };
}
