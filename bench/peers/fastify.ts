import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from '@tenantry/deploy/embedded/child.ts';
import { freePort } from '@tenantry/deploy/embedded/free-port.ts';
import { pin } from '../load/cores.ts';
import { answersHttp, type RunningPeer, toPeer } from './nginx.ts';

const PROGRAM = fileURLToPath(new URL('fastify-gateway.ts', import.meta.url));

/** fastify, jose, rate-limiter-flexible on Redis, @fastify/http-proxy: the usual stack for the same job. */
export async function startFastify(options: {
  readonly folder: string;
  readonly core: number;
  readonly upstreamUrl: string;
  readonly redisUrl: string;
  readonly issuer: string;
  readonly publicKeyPem: string;
}): Promise<RunningPeer> {
  const folder = join(options.folder, 'fastify');
  mkdirSync(folder, { recursive: true });
  const keyFile = join(folder, 'key.pem');
  writeFileSync(keyFile, options.publicKeyPem);
  const port = await freePort();
  const child = await startChild({
    name: 'The fastify stack',
    command: process.execPath,
    args: [PROGRAM],
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PORT: String(port),
      UPSTREAM_URL: options.upstreamUrl,
      REDIS_URL: options.redisUrl,
      ISSUER: options.issuer,
      PUBLIC_KEY_FILE: keyFile,
    },
    logFile: join(folder, 'log'),
    stopSignal: 'SIGTERM',
    isReady: () => answersHttp(port),
  });
  await pin(child.pid, options.core);
  return toPeer(child, port);
}
