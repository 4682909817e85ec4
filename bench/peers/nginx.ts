import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from '@tenantry/deploy/embedded/child.ts';
import { freePort } from '@tenantry/deploy/embedded/free-port.ts';
import { tcpGreeting } from '@tenantry/deploy/embedded/tcp-greeting.ts';
import { pin } from '../load/cores.ts';
import type { PeerProgram } from './programs.ts';

export type RunningPeer = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
};

/** What an ordinary service says: about 300 bytes of JSON. */
const ANSWER = JSON.stringify({
  id: 'thg_01jd0000000000000000000000',
  name: 'A thing of ordinary size',
  description: 'x'.repeat(160),
  createdAt: '2026-11-21T09:30:00.000Z',
  isActive: true,
});

/** An ordinary HTTP/1.1 service that costs next to nothing itself. */
export const startNginxUpstream = (
  nginx: PeerProgram,
  folder: string,
  core: number,
  addresses = 1,
): Promise<RunningPeer> =>
  startNginx(nginx, {
    addresses,
    folder,
    core,
    name: 'upstream',
    server: `default_type application/json; return 200 '${ANSWER}';`,
  });

/** The floor: a proxy that checks nothing. */
export const startNginxProxy = (
  nginx: PeerProgram,
  folder: string,
  core: number,
  upstreamPort: number,
): Promise<RunningPeer> =>
  startNginx(nginx, {
    folder,
    core,
    name: 'proxy',
    upstream: `upstream service { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }`,
    server: 'proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";',
  });

async function startNginx(
  nginx: PeerProgram,
  options: {
    readonly folder: string;
    readonly core: number;
    readonly name: string;
    readonly upstream?: string;
    /** Loopback addresses from 127.0.0.1 on that it listens on, for registries that take one process per address. */
    readonly addresses?: number;
    readonly server: string;
  },
): Promise<RunningPeer> {
  const folder = join(options.folder, `nginx-${options.name}`);
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder};`);
  const listen = Array.from({ length: options.addresses ?? 1 }, (_, index) => `listen 127.0.0.${index + 1}:${port};`);
  const lines = [
    'daemon off; master_process off; worker_processes 1;',
    `pid ${folder}/pid; error_log stderr warn;`,
    'events { worker_connections 4096; }',
    `http { access_log off; keepalive_requests 1000000000; ${temporary.join(' ')} ${options.upstream ?? ''}`,
    `server { ${listen.join(' ')} location / { ${options.server} } } }`,
  ];
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, lines.join('\n'));
  const child = await startChild({
    name: `nginx (${options.name})`,
    command: nginx.command,
    args: ['-p', folder, '-c', file, '-e', 'stderr'],
    env: nginx.env,
    logFile: join(folder, 'log'),
    stopSignal: 'SIGTERM',
    isReady: () => answersHttp(port),
  });
  await pin(child.pid, options.core);
  return toPeer(child, port);
}

export const toPeer = (child: Child, port: number): RunningPeer => ({
  url: `http://127.0.0.1:${port}`,
  port,
  pid: child.pid,
  stop: () => child.stop(),
});

export const answersHttp = async (port: number): Promise<boolean> =>
  (await tcpGreeting(port, 'GET / HTTP/1.1\r\nHost: bench\r\n\r\n'))?.startsWith('HTTP/1.1 ') === true;
