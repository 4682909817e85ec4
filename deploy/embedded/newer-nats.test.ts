import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort } from './free-port.ts';
import { startNats } from './nats.ts';
import { isOlder, keepFromOlder, natsVersion } from './nats-version.ts';
import { fetchNewerNats, findNewerNats } from './newer-nats.ts';
import { findServers } from './packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenantry-newer-nats-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const serversDir =
  process.env['TENANTRY_SERVERS_DIR'] ?? fileURLToPath(new URL('../../.tenantry/servers', import.meta.url));
const newer = findNewerNats(serversDir);

/** A `go` that does what a test wants: it runs in the folder where it is to build, and is told where to put the result. */
function fakeGo(name: string, script: string): string {
  const bin = join(folder, name);
  mkdirSync(bin);
  writeFileSync(join(bin, 'go'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return bin;
}
const builds = (version: string): string =>
  `mkdir -p "$GOBIN"; printf '#!/bin/sh\\necho nats-server: v%s\\n' "${version}" > "$GOBIN/nats-server"; chmod +x "$GOBIN/nats-server"`;

describe('Fetching a newer NATS', () => {
  it('says in a sentence why it cannot be had, and leaves nothing behind', async () => {
    const dir = join(folder, 'none');
    expect(await fetchNewerNats(dir, folder)).toMatch(/no Go on the PATH/);
    const failing = fakeGo('failing', 'echo first >&2; echo "dial tcp: no such host" >&2; exit 1');
    expect(await fetchNewerNats(dir, failing)).toBe('go could not build it: dial tcp: no such host');
    expect(await fetchNewerNats(dir, fakeGo('strange', builds('0.0.1')))).toMatch(/does not run here/);
    expect(readdirSync(dir)).toEqual([]);
    expect(findNewerNats(dir)).toBeUndefined();
  });

  it('builds the one version that was tested, keeps it, and of two at once one', async () => {
    const dir = join(folder, 'built');
    const asked = join(folder, 'asked');
    const go = fakeGo('building', `echo "$@" >> ${asked}; version=\${2##*@v}; ${builds('$version')}`);
    expect(await Promise.all([fetchNewerNats(dir, go), fetchNewerNats(dir, go)])).toEqual([null, null]);
    const command = findNewerNats(dir)?.command ?? '';
    expect(readdirSync(dir)).toEqual([`nats-${await natsVersion(command)}`]);
    const before = readFileSync(asked, 'utf8');
    expect(before).toMatch(/^install github\.com\/nats-io\/nats-server\/v2@v\d+\.\d+\.\d+$/m);
    expect(await fetchNewerNats(dir, go)).toBeNull();
    expect(readFileSync(asked, 'utf8')).toBe(before);
  });
});

describe('A data folder of NATS', () => {
  it.each([
    ['2.9.10', '2.10.0', true],
    ['2.15.2', '2.9.10', false],
    ['2.15.1', '2.15.2', false],
    ['2.15.2', '3.0.0', true],
    ['3.0.0', '2.15.2', false],
    ['', '2.9.10', true],
    ['2.9.10', '', false],
  ])('%s is older than %s: %s', (version, than, is) => {
    expect(isOlder(version, than)).toBe(is);
  });

  it('remembers the newest server that has opened it, and is kept from older ones', () => {
    const dir = mkdtempSync(join(folder, 'kept-'));
    keepFromOlder(dir, '2.9.10');
    keepFromOlder(dir, '2.15.2');
    keepFromOlder(dir, '2.15.1');
    expect(() => keepFromOlder(dir, '2.9.10')).toThrow(/NATS 2\.9\.10 would destroy what NATS 2\.15\.1 has written/);
    expect(() => keepFromOlder(dir, '')).toThrow(/would destroy/);
    expect(readFileSync(join(dir, 'nats-version'), 'utf8')).toBe('2.15.1');
  });

  it('is not opened by an older one, whatever starts it', async () => {
    const dataDir = mkdtempSync(join(folder, 'newer-'));
    keepFromOlder(dataDir, '99.0.0');
    await expect(startNats({ dataDir, logFile: join(folder, 'log'), serversDir })).rejects.toThrow(/fetch-nats\.ts/);
    expect(existsSync(join(dataDir, 'jetstream'))).toBe(false);
  });
});

describe('What the embedded NATS has acknowledged', () => {
  const start = async (name: string, program = newer) => {
    const dataDir = join(folder, name);
    // Asked for its settings on a port of its own, as only the server itself knows what it made of its file.
    const monitor = await freePort();
    const command = join(folder, `${name}-nats-server`);
    writeFileSync(
      command,
      `#!/bin/sh\nexec ${program?.command} "$@" $([ "$1" = --version ] || echo --http_port ${monitor})\n`,
      {
        mode: 0o755,
      },
    );
    const options = { dataDir, logFile: join(folder, `${name}.log`), serversDir, tuning: 'durable' as const };
    const server = await startNats({ ...options, program: { command }, token: 'a_token' });
    const answer = await fetch(`http://127.0.0.1:${monitor}/jsz`);
    const { config } = (await answer.json()) as { config: { sync_always?: boolean; sync_interval?: number } };
    expect(statSync(join(dataDir, 'nats.conf')).mode & 0o777).toBe(0o600);
    await server.stop();
    return config;
  };

  it.skipIf(newer === undefined)('is on disk, where it is a newer one', async () => {
    expect(await start('durable')).toMatchObject({ sync_always: true });
  });

  it('is on disk two minutes later with the one that machines have, which starts all the same', async () => {
    const { nats } = await findServers({ serversDir });
    if (!isOlder(await natsVersion(nats.command), '2.10')) return;
    expect(await start('old', nats)).not.toHaveProperty('sync_always');
  });
});
