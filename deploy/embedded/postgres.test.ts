import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from './embedded-server.ts';
import { startPostgres } from './postgres.ts';
import { stopLeftoverPostgres } from './postgres-leftover.ts';

let folder: string;
let servers: EmbeddedServer[];
beforeEach(() => {
  // mkdtemp makes it 0700: the private folder of a checkout below a home directory.
  folder = mkdtempSync(join(tmpdir(), 'tenantry-postgres-'));
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(changes: Partial<Parameters<typeof startPostgres>[0]> = {}): Promise<EmbeddedServer> {
  const server = await startPostgres({
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'log'),
    tuning: 'fast',
    ...changes,
  });
  servers.push(server);
  return server;
}

async function run(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('The embedded PostgreSQL', () => {
  it('speaks UTF-8, UTC, loopback only, and asks for the password', async () => {
    const { url, port } = await start();
    expect(
      await run(url, "select lower('ÀÉ') as low, current_setting('timezone') as zone, uuidv7() is not null as v7"),
    ).toEqual([{ low: 'àé', zone: 'UTC', v7: true }]);
    expect(
      await run(
        url,
        "select current_setting('listen_addresses') as at, current_setting('unix_socket_directories') as sockets",
      ),
    ).toEqual([{ at: '127.0.0.1', sockets: '' }]);
    await expect(run(`postgres://postgres:wrong@127.0.0.1:${port}/postgres`, 'select 1')).rejects.toMatchObject({
      code: '28P01',
    });
    expect(statSync(join(folder, 'data.password')).mode & 0o777).toBe(0o600);
  });

  it('keeps rows over a stop, even with a client that stays, and over a kill', async () => {
    const first = await start({ tuning: 'durable' });
    await run(first.url, 'create table kept (n int); insert into kept values (1)');
    const staying = new Client({ connectionString: first.url });
    staying.on('error', () => undefined);
    await staying.connect();
    await first.stop();
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const second = await start({ tuning: 'durable', port: first.port });
    expect(second.url).toBe(first.url);
    await run(second.url, 'insert into kept values (2)');
    process.kill(second.pid, 'SIGKILL');
    await second.exited;
    const third = await start({ tuning: 'durable', port: first.port });
    expect(await run(third.url, 'select n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('stops a server that an earlier run left on the same folder', async () => {
    const said: string[] = [];
    const left = await start();
    const second = await start({ say: (sentence) => said.push(sentence) });
    expect((await left.exited).code).toBe(0);
    expect(said.join()).toContain(`pid ${left.pid}`);
    expect(await run(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('is not held up by a lock file whose number belongs to something else now', async () => {
    await (await start()).stop();
    const other = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
    await once(other, 'spawn');
    writeFileSync(join(folder, 'data', 'postmaster.pid'), `${other.pid}\n${join(folder, 'data')}\n`);
    expect(await stopLeftoverPostgres(join(folder, 'data'))).toBeUndefined();
    await start();
    expect(other.exitCode).toBeNull();
    other.kill();
  });

  it('says so when its data are of another version, or its password is gone', async () => {
    await (await start()).stop();
    const version = join(folder, 'data', 'PG_VERSION');
    const now = readFileSync(version, 'utf8');
    writeFileSync(version, '15\n');
    await expect(start()).rejects.toThrow('holds data of PostgreSQL 15');
    writeFileSync(version, now);
    rmSync(join(folder, 'data.password'));
    await expect(start()).rejects.toThrow('data.password is gone');
  });

  it.runIf(process.getuid?.() === 0)(
    'runs from a copy where root can make no user namespace, and says where',
    async () => {
      chmodSync(folder, 0o711);
      const said: string[] = [];
      const host = { canMakeNamespace: () => false, publicDir: folder };
      const say = (sentence: string): void => {
        said.push(sentence);
      };
      const first = await start({ host, say });
      await run(first.url, 'create table kept (n int)');
      await first.stop();
      const second = await start({ host, say });
      expect(await run(second.url, 'select * from kept')).toEqual([]);
      expect(statSync(`/proc/${second.pid}`).uid).toBe(65534);
      expect(said.join()).toContain('allows no user namespace');
    },
  );
});
