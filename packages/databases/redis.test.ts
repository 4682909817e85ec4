import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EmbeddedServer } from '@tenantry/deploy/embedded/embedded-server.ts';
import { startRedis } from '@tenantry/deploy/embedded/redis.ts';
import { runWithContext } from '@tenantry/kernel/call-context.ts';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../tests/support/eventually.ts';
import { steadyPort } from '../../tests/support/steady-port.ts';
import { createQueueConnection, createRedis } from './redis.ts';

// A server of this file's own, because it is killed.
const folder = mkdtempSync(join(tmpdir(), 'tenantry-redis-'));
const start = (port: number): Promise<EmbeddedServer> =>
  startRedis({
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'log'),
    tuning: 'durable',
    password: 'pass_word',
    serversDir:
      process.env['TENANTRY_SERVERS_DIR'] ?? fileURLToPath(new URL('../../.tenantry/servers', import.meta.url)),
    port,
  });
const errors: Error[] = [];
let server: EmbeddedServer;
let redis: Redis;
beforeAll(async () => {
  server = await start(await steadyPort());
  redis = createRedis({ url: server.url, namespace: 'ns', onError: (error) => errors.push(error) });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('prefixes every key with its namespace', async () => {
  await eventually(() => redis.set('ten_x:a', '1'));
  const plain = createRedis({ url: server.url, namespace: '', onError: () => undefined });
  await eventually(async () => expect(await plain.get('ns:ten_x:a')).toBe('1'));
  plain.disconnect();
});

it('gets in with the password of its URL only', async () => {
  const bare = new URL(server.url);
  bare.password = '';
  const refusals: Error[] = [];
  const stranger = createQueueConnection({ url: bare.href, isWorker: true, onError: (error) => refusals.push(error) });
  await eventually(() => expect(refusals.map(({ message }) => message).join()).toContain('NOAUTH'));
  stranger.disconnect();
  const queue = createQueueConnection({ url: server.url, isWorker: true, onError: () => undefined });
  expect(await queue.get('ns:ten_x:a')).toBe('1');
  queue.disconnect();
});

it('refuses at once while Redis is killed, never repeats what was under way, and works again when it is back', async () => {
  // Stopped first, so that the command is certainly under way when the server dies.
  process.kill(-server.pid, 'SIGSTOP');
  const underWay = redis.incr('count').then(
    () => 'answered',
    () => 'refused',
  );
  process.kill(-server.pid, 'SIGKILL');
  expect(await underWay).toBe('refused');
  await server.exited;
  const startedMs = performance.now();
  for (let i = 0; i < 50; i++) {
    const refusal = await redis.get('count').catch((error: unknown) => String(error));
    // Not after the time that a server which is there may take.
    expect(refusal).not.toMatch(/timed out|^null$/);
  }
  console.log(`50 refusals in ${Math.round(performance.now() - startedMs)} ms`);
  server = await start(server.port);
  await eventually(async () => expect(await redis.ping()).toBe('PONG'));
  expect(await redis.get('count')).toBeNull();
  expect(errors.length).toBeGreaterThan(0);
});

it('gives up on a server that does not answer', async () => {
  process.kill(-server.pid, 'SIGSTOP');
  try {
    await expect(redis.get('count')).rejects.toThrow('timed out');
  } finally {
    process.kill(-server.pid, 'SIGCONT');
  }
  await eventually(async () => expect(await redis.ping()).toBe('PONG'));
});

it('never hangs on a socket that takes everything and says nothing, from the first command on', async () => {
  const sockets = new Set<Socket>();
  const hole = createServer((socket) => sockets.add(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
  await once(hole, 'listening');
  const address = hole.address();
  const url = `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const clients = [
    createRedis({ url, namespace: '', onError: () => undefined }),
    createQueueConnection({ url, isWorker: false, onError: () => undefined }),
  ];
  try {
    await eventually(() => expect(sockets.size).toBeGreaterThanOrEqual(2));
    for (const client of clients) {
      const outcomes = await Promise.allSettled([client.get('a'), client.incr('a'), client.eval('return 1', 0)]);
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    }
  } finally {
    for (const client of clients) client.disconnect();
    for (const socket of sockets) socket.destroy();
    hole.close();
  }
});

it('begins nothing after the deadline of whoever asks, and waits no longer than that', async () => {
  const within = <T>(ms: number, work: () => Promise<T>): Promise<T> =>
    runWithContext({ traceparent: '', deadlineMs: Date.now() + ms }, work);
  await redis.del('late');
  await expect(within(-1, () => redis.incr('late'))).rejects.toMatchObject({ kind: { code: 'upstream-timeout' } });
  expect(await redis.get('late')).toBeNull();
  expect(await within(60_000, () => redis.incr('late'))).toBe(1);
  process.kill(-server.pid, 'SIGSTOP');
  try {
    const startedMs = performance.now();
    await expect(within(500, () => redis.get('late'))).rejects.toThrow('timed out');
    console.log(`gave up after ${Math.round(performance.now() - startedMs)} ms`);
  } finally {
    process.kill(-server.pid, 'SIGCONT');
  }
  await eventually(async () => expect(await redis.ping()).toBe('PONG'));
});
