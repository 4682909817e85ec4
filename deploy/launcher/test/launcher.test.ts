import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPostgres } from '../../embedded/postgres.ts';
import { tcpGreeting } from '../../embedded/tcp-greeting.ts';
import { waitUntil } from '../../embedded/wait-until.ts';
import { claimPorts, type PortClaim } from './claim-ports.ts';
import { allGone, Launch } from './run-launch.ts';

let folder: string;
let claims: PortClaim[];
let offset: number;
let launches: Launch[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenantry-launcher-'));
  claims = [];
  offset = await anOffset();
  launches = [];
});
afterEach(async () => {
  for (const launch of launches) launch.process.kill('SIGKILL');
  await Promise.all(launches.map((launch) => launch.exitCode()));
  await allGone(launches.flatMap((launch) => launch.rows().map((row) => row.pid)));
  await Promise.all(claims.map((claim) => claim.release()));
  rmSync(folder, { recursive: true, force: true });
});

async function anOffset(): Promise<number> {
  const claim = await claimPorts();
  claims.push(claim);
  return claim.offset;
}

function launch(environment: Record<string, string> = {}): Launch {
  const started = new Launch({
    TENANTRY_DATA_DIR: join(folder, 'data'),
    TENANTRY_PORT_OFFSET: String(offset),
    STAND_IN_JOURNAL: join(folder, 'journal'),
    ...environment,
  });
  launches.push(started);
  return started;
}

const READY = /Ctrl-C stops everything/;

async function environmentOf(
  port: number,
): Promise<{ environment: Record<string, string>; flags: string[]; pid: number }> {
  const answer = await fetch(`http://127.0.0.1:${port}/environment`);
  return (await answer.json()) as { environment: Record<string, string>; flags: string[]; pid: number };
}

describe('A first start', () => {
  it('brings everything up, says where it is, and tells each program only what it may know', async () => {
    const first = launch();
    await first.sees(READY);
    expect(
      first
        .rows()
        .map((row) => row.what)
        .toSorted(),
    ).toEqual(
      ['ClickHouse', 'NATS', 'PostgreSQL', 'Redis', 'gateway', 'mailbox', 'mailbox (SMTP)', 'users'].toSorted(),
    );
    expect(first.output).toContain('database /tenantry');
    const password = readFileSync(join(folder, 'data', 'operator-password'), 'utf8').trim();
    expect(first.output).toContain(`password   ${password}`);
    for (const secret of ['master.key', 'operator-password', 'postgresql.password']) {
      expect(statSync(join(folder, 'data', secret)).mode & 0o777, secret).toBe(0o600);
    }
    const users = await environmentOf(8021 + offset);
    expect(users.environment).toMatchObject({
      PORT: String(8021 + offset),
      HOST: '127.0.0.1',
      HUB_URL: `http://127.0.0.1:${8010 + offset}`,
      SMTP_URL: `smtp://127.0.0.1:${9025 + offset}`,
      PUBLIC_URL: `http://localhost:${8000 + offset}`,
      TENANTRY_OPERATOR_PASSWORD: password,
      TENANTRY_MASTER_KEY: readFileSync(join(folder, 'data', 'master.key'), 'utf8').trim(),
    });
    expect(users.environment['DATABASE_URL']).toMatch(/^postgres:\/\/127\.0\.0\.1:\d+\/tenantry$/);
    const gateway = await environmentOf(8000 + offset);
    const redisUrl = new URL(gateway.environment['REDIS_URL'] ?? '');
    expect(redisUrl.password).not.toBe('');
    expect(first.output).not.toContain(redisUrl.password);
    expect(await tcpGreeting(Number(redisUrl.port), 'PING\r\n')).toMatch(/^-NOAUTH/);
    expect(await tcpGreeting(Number(redisUrl.port), `AUTH ${redisUrl.password}\r\n`)).toBe('+OK\r\n');
    const natsPort = Number(new URL(gateway.environment['NATS_URL'] ?? '').port);
    expect(await tcpGreeting(natsPort)).toMatch(/"auth_required":\s*true/);
    expect(gateway.environment).not.toHaveProperty('TENANTRY_OPERATOR_PASSWORD');
    const mailbox = await environmentOf(9003 + offset);
    expect(mailbox.environment).toMatchObject({ SMTP_PORT: String(9025 + offset) });
    expect(mailbox.environment).not.toHaveProperty('TENANTRY_MASTER_KEY');
    expect(mailbox.environment).not.toHaveProperty('DATABASE_URL');
  });

  it('with a master key that is none ends with a sentence, before any store', async () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data', 'master.key'), 'cut short');
    const first = launch();
    expect(await first.exitCode()).toBe(1);
    expect(first.output).toContain('master.key does not hold 64 hexadecimal digits');
    expect(first.output).not.toMatch(/is ready on port|^\s+at /m);
  });

  it('is refused while another launcher holds the folder, which goes on', async () => {
    const first = launch();
    await first.sees(READY);
    const second = launch({ TENANTRY_PORT_OFFSET: String(await anOffset()) });
    expect(await second.exitCode()).toBe(1);
    expect(second.output).toContain(`is already running on ${join(folder, 'data')} (pid ${first.process.pid})`);
    expect((await fetch(`http://127.0.0.1:${8000 + offset}/`)).status).toBe(200);
  });

  it('names the busy port and who holds it, before anything is started', async () => {
    const holder = createServer().listen(8022 + offset, '127.0.0.1');
    const first = launch();
    expect(await first.exitCode()).toBe(1);
    holder.close();
    expect(first.output).toMatch(new RegExp(`${8022 + offset} \\(subscriptions\\) is held by pid ${process.pid}: `));
    expect(first.output).toContain('TENANTRY_PORT_OFFSET');
    expect(first.output).not.toContain('PostgreSQL');
    expect(first.output).not.toMatch(/^\s+at /m);
  });

  it('that fails shows a sentence and the last log lines, and leaves nothing running', async () => {
    const first = launch({ STAND_IN_USERS: 'refuses-to-start' });
    expect(await first.exitCode()).toBe(1);
    expect(first.output).toContain('users ended with exit code 78 while starting');
    expect(first.output).toContain('    config: HUB_URL is not a URL');
    expect(first.output).not.toMatch(/^\s+at /m);
    expect(first.output).toContain('Everything has stopped');
    const second = launch();
    await second.sees(READY);
    expect(second.output).not.toContain('an earlier run had left');
  });

  it('can be stopped half way', async () => {
    const first = launch();
    await first.sees(/Data folder/);
    first.process.kill('SIGTERM');
    expect(await first.exitCode()).toBe(0);
    expect(first.output).not.toMatch(/while starting|^\s+at /m);
    const second = launch();
    await second.sees(READY);
  });
});

describe('A store that is given by its URL', () => {
  it('is used as it is: migrations with its credentials, services without', async () => {
    const server = await startPostgres({
      dataDir: join(folder, 'theirs'),
      logFile: join(folder, 'theirs.log'),
      tuning: 'fast',
    });
    try {
      const url = new URL(server.url);
      url.pathname = '/postgres';
      const first = launch({
        DATABASE_URL: `${url.href}?application_name=theirs`,
        CLICKHOUSE_URL: 'http://127.0.0.1:1',
        TENANT_DATABASES: `near=/near,far=${server.url.replace(/\/[^/]*$/, '/far')}`,
        TENANT_PLACEMENTS: 'since:2027-01-01T00:00:00Z=near',
      });
      await first.sees(READY);
      expect(first.output).not.toMatch(/PostgreSQL is ready|ClickHouse is ready/);
      expect(first.output).not.toContain(url.password);
      const { environment } = await environmentOf(8021 + offset);
      expect(environment['DATABASE_URL']).toBe(`postgres://127.0.0.1:${server.port}/postgres?application_name=theirs`);
      expect(environment['CLICKHOUSE_URL']).toBe('http://127.0.0.1:1');
      const there = `postgres://127.0.0.1:${server.port}`;
      expect(environment['TENANT_DATABASES']).toBe(`near=${there}/near,far=${there}/far`);
      expect(environment['TENANT_PLACEMENTS']).toBe('since:2027-01-01T00:00:00Z=near');
      expect(JSON.stringify(environment)).not.toContain(url.password);
    } finally {
      await server.stop();
    }
  });
});

describe('While it runs', () => {
  it('starts a dead service and a dead store again, on the same ports', async () => {
    const first = launch();
    await first.sees(READY);
    const users = await environmentOf(8021 + offset);
    process.kill(users.pid, 'SIGKILL');
    await first.sees(/users ended by SIGKILL; starting it again in 0\.5 s/);
    await first.sees(/users is running again/);
    expect((await environmentOf(8021 + offset)).pid).not.toBe(users.pid);
    const redis = first.rows().find((row) => row.what === 'Redis');
    process.kill(redis?.pid ?? 0, 'SIGKILL');
    await first.sees(/Redis is running again/);
    const nats = first.rows().find((row) => row.what === 'NATS');
    process.kill(nats?.pid ?? 0, 'SIGKILL');
    await first.sees(/NATS is running again/);
    expect(await tcpGreeting(redis?.port ?? 0, 'PING\r\n')).toMatch(/^-NOAUTH/);
    expect(await tcpGreeting(nats?.port ?? 0)).toMatch(/"auth_required":\s*true/);
  });
});

describe('The end', () => {
  it('comes in order: services, simulators, stores', async () => {
    const first = launch();
    await first.sees(READY);
    const pids = first.rows().map((row) => row.pid);
    first.process.kill('SIGINT');
    // A terminal and npm may each pass the same Ctrl-C on.
    first.process.kill('SIGINT');
    expect(await first.exitCode()).toBe(0);
    expect(readFileSync(join(folder, 'journal'), 'utf8').trim().split('\n').at(-1)).toBe('mailbox told to stop');
    expect(first.output).toMatch(/services[\s\S]*simulators[\s\S]*stores[\s\S]*Everything has stopped/);
    expect(first.output.match(/Stopping the services/g)).toHaveLength(1);
    expect(await allGone(pids, 0)).toBe(true);
  });

  it('comes within 15 s although a service does not listen', async () => {
    const first = launch({ STAND_IN_USERS: 'deaf' });
    await first.sees(READY);
    const pids = first.rows().map((row) => row.pid);
    first.process.kill('SIGHUP');
    expect(await first.exitCode()).toBe(0);
    expect(Number(/Everything has stopped \(([\d.]+) s\)/.exec(first.output)?.[1])).toBeLessThan(15);
    expect(await allGone(pids, 0)).toBe(true);
  });

  it('of a launcher that is killed is the end of everything; the next one finds the data', async () => {
    const first = launch();
    await first.sees(READY);
    expect(first.output).toContain('starts so far: 1');
    const pids = first.rows().map((row) => row.pid);
    first.process.kill('SIGKILL');
    expect(await allGone(pids)).toBe(true);
    const second = launch();
    await second.sees(READY);
    expect(second.output).toContain('starts so far: 2');
    const portOf = (run: Launch, what: string) => run.rows().find((row) => row.what === what)?.port;
    expect(portOf(second, 'PostgreSQL')).toBe(portOf(first, 'PostgreSQL'));
  });

  it('of a launcher that is killed with a child that clings to life: the next one ends it', async () => {
    const first = launch({ STAND_IN_USERS: 'deaf' });
    await first.sees(READY);
    const users = await environmentOf(8021 + offset);
    // Stopped by SIGSTOP it notices nothing, neither the end of its channel nor a signal to end.
    process.kill(users.pid, 'SIGSTOP');
    first.process.kill('SIGKILL');
    await first.exitCode();
    const second = launch();
    await second.sees(READY);
    expect(second.output).toMatch(/Stopped what an earlier run had left: .*users/);
    expect(
      await waitUntil(async () => (await environmentOf(8021 + offset)).pid !== users.pid, { timeoutMs: 0, everyMs: 1 }),
    ).toBe(true);
  });
});
