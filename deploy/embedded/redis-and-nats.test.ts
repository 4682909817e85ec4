import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { startNats } from './nats.ts';
import { findServers } from './packages.ts';
import { commandLine } from './process-identity.ts';
import { startRedis } from './redis.ts';
import { tcpGreeting } from './tcp-greeting.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenantry-redis-nats-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const serversDir =
  process.env['TENANTRY_SERVERS_DIR'] ?? fileURLToPath(new URL('../../.tenantry/servers', import.meta.url));
const at = (name: string) => ({ dataDir: join(folder, name), logFile: join(folder, `${name}.log`), serversDir });

describe('The embedded Redis', () => {
  it('never forgets to make room, and keeps what it holds over a kill', async () => {
    const first = await startRedis({ ...at('redis'), tuning: 'durable' });
    expect(await tcpGreeting(first.port, 'CONFIG GET maxmemory-policy\r\n')).toContain('noeviction');
    expect(await tcpGreeting(first.port, 'CONFIG GET bind\r\n')).toContain('127.0.0.1');
    expect(await tcpGreeting(first.port, 'SET kept 1\r\n')).toBe('+OK\r\n');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const second = await startRedis({ ...at('redis'), port: first.port, tuning: 'durable' });
    expect(await tcpGreeting(second.port, 'GET kept\r\n')).toBe('$1\r\n1\r\n');
    await second.stop();
    expect((await second.exited).code).toBe(0);
  });

  it('writes nothing in a test run', async () => {
    const first = await startRedis({ ...at('fast'), tuning: 'fast' });
    await tcpGreeting(first.port, 'SET gone 1\r\n');
    await first.stop();
    const second = await startRedis({ ...at('fast'), tuning: 'fast' });
    expect(await tcpGreeting(second.port, 'GET gone\r\n')).toBe('$-1\r\n');
    await second.stop();
  });

  it('with a password answers nobody without it, keeps what it held before it had one, and shows it to nobody', async () => {
    const open = await startRedis(at('guarded'));
    await tcpGreeting(open.port, 'SET kept 1\r\n');
    await open.stop();
    // A folder that was copied, or a file put there by hand.
    writeFileSync(join(folder, 'guarded', 'redis.conf'), '');
    chmodSync(join(folder, 'guarded', 'redis.conf'), 0o644);
    const password = 'pass_word-1';
    const guarded = await startRedis({ ...at('guarded'), password });
    expect(await tcpGreeting(guarded.port, 'GET kept\r\n')).toMatch(/^-NOAUTH/);
    expect(await tcpGreeting(guarded.port, 'AUTH wrong\r\n')).toMatch(/^-WRONGPASS/);
    expect(await tcpGreeting(guarded.port, `AUTH ${password}\r\nGET kept\r\n`)).toBe('+OK\r\n$1\r\n1\r\n');
    expect(guarded.url).toBe(`redis://:${password}@127.0.0.1:${guarded.port}`);
    expect(commandLine(guarded.pid)).toContain('redis-server');
    expect(commandLine(guarded.pid)).not.toContain(password);
    expect(statSync(join(folder, 'guarded', 'redis.conf')).mode & 0o777).toBe(0o600);
    await guarded.stop();
  });
});

describe('The embedded NATS', () => {
  it('has JetStream, and starts again on the same folder after a kill', async () => {
    const first = await startNats(at('nats'));
    expect(await tcpGreeting(first.port)).toMatch(/"jetstream":\s*true/);
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const second = await startNats({ ...at('nats'), port: first.port });
    expect(second.url).toBe(first.url);
    await second.stop();
  });

  it('with a token lets nobody in without it, and shows it to nobody', async () => {
    const open = await startNats(at('guarded-nats'));
    await open.stop();
    const token = '1token_-';
    const guarded = await startNats({ ...at('guarded-nats'), token });
    const say = (options: object) => connectAndPing(guarded.port, options);
    expect(await say({})).toContain('Authorization Violation');
    expect(await say({ auth_token: 'wrong' })).toContain('Authorization Violation');
    expect(await say({ auth_token: token })).toBe('PONG\r\n');
    expect(await tcpGreeting(guarded.port)).toMatch(/"jetstream":\s*true/);
    expect(commandLine(guarded.pid)).toContain('nats-server');
    expect(commandLine(guarded.pid)).not.toContain(token);
    expect(statSync(join(folder, 'guarded-nats', 'nats.conf')).mode & 0o777).toBe(0o600);
    await guarded.stop();
  });
});

/** What the server says after its greeting, to one who introduces himself so. */
async function connectAndPing(port: number, options: object): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  let said = '';
  for await (const bytes of socket) {
    said += String(bytes);
    if (said.startsWith('INFO') && said.includes('\r\n')) {
      said = said.slice(said.indexOf('\r\n') + 2);
      socket.write(`CONNECT ${JSON.stringify({ verbose: false, ...options })}\r\nPING\r\n`);
    }
    if (said.includes('\r\n')) break;
  }
  return said;
}

describe('Finding the two servers', () => {
  it('takes them from the PATH when both are there', async () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    for (const name of ['redis-server', 'nats-server']) writeFileSync(join(bin, name), '#!/bin/sh\n', { mode: 0o755 });
    expect(await findServers({ serversDir: join(folder, 'none'), path: bin })).toEqual({
      redis: { command: join(bin, 'redis-server') },
      nats: { command: join(bin, 'nats-server') },
    });
  });

  it('says what to do on a machine that has no way to get them', async () => {
    await expect(findServers({ serversDir: join(folder, 'none'), path: folder })).rejects.toThrow(
      /redis-server and nats-server cannot be found.*set REDIS_URL and NATS_URL/,
    );
  });
});
