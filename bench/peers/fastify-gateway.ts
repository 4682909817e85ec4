import { readFileSync } from 'node:fs';
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';
import { Redis } from 'ioredis';
import { importSPKI, jwtVerify } from 'jose';
import { RateLimiterRedis } from 'rate-limiter-flexible';

/** The gateway that one puts together from the usual packages. A process of its own, told everything by its environment. */
const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing.`);
  return value;
};

const key = await importSPKI(readFileSync(setting('PUBLIC_KEY_FILE'), 'utf8'), 'ES256');
const issuer = setting('ISSUER');
const redis = new Redis(setting('REDIS_URL'));
const limiter = new RateLimiterRedis({ storeClient: redis, points: 1_000_000, duration: 1, keyPrefix: 'peer' });

const app = fastify({ logger: false, keepAliveTimeout: 65_000 });
app.decorateRequest('identity', null);
app.addHook('onRequest', async (request, reply) => {
  const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme !== 'Bearer') return reply.code(401).send();
  const { payload } = await jwtVerify(token, key, { issuer, audience: 'tenantry', typ: 'at+jwt' }).catch(() => ({
    payload: null,
  }));
  if (payload === null) return reply.code(401).send();
  const refused = await limiter.consume(String(payload['tid'])).then(
    () => false,
    () => true,
  );
  if (refused) return reply.code(429).send();
  request.setDecorator('identity', { 'x-tenant-id': String(payload['tid']), 'x-user-id': String(payload.sub) });
});
await app.register(proxy, {
  upstream: setting('UPSTREAM_URL'),
  undici: { connections: 128, pipelining: 1 },
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => {
      const { authorization: _, ...kept } = headers;
      return { ...kept, ...request.getDecorator<Record<string, string>>('identity') };
    },
  },
});
await app.listen({ host: '127.0.0.1', port: Number(setting('PORT')) });
