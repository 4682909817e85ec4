import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@tenantry/deploy/embedded/child.ts';
import { freePort } from '@tenantry/deploy/embedded/free-port.ts';
import { pin } from '../load/cores.ts';
import { answersHttp, type RunningPeer, toPeer } from './nginx.ts';
import type { PeerProgram } from './programs.ts';

/**
 * The same job in C: signature and expiry of the token, a limit per tenant, identity headers. HAProxy keeps no verified
 * tokens.
 */
export async function startHaproxy(
  haproxy: PeerProgram,
  options: {
    readonly folder: string;
    readonly core: number;
    readonly upstreamPort: number;
    readonly publicKeyPem: string;
  },
): Promise<RunningPeer> {
  const folder = join(options.folder, 'haproxy');
  mkdirSync(folder, { recursive: true });
  const key = join(folder, 'key.pem');
  writeFileSync(key, options.publicKeyPem);
  const port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 1s
  timeout client 65s
  timeout server 10s
frontend door
  bind 127.0.0.1:${port}
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify(txn.alg,"${key}") -m int 1 }
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
  http-request set-var(txn.tenant) var(txn.token),jwt_payload_query('$.tid')
  http-request track-sc0 var(txn.tenant) table tenants
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }
  http-request del-header authorization
  http-request del-header x-tenant- -m beg
  http-request set-header x-tenant-id %[var(txn.tenant)]
  http-request set-header x-user-id %[var(txn.token),jwt_payload_query('$.sub')]
  http-request set-header x-forwarded-for %[src]
  http-request set-header x-trace-id %[uuid()]
  default_backend service
backend tenants
  stick-table type string len 40 size 100k expire 1m store http_req_rate(1s)
backend service
  http-reuse always
  server one 127.0.0.1:${options.upstreamPort} pool-max-conn 256
`,
  );
  const child = await startChild({
    name: 'HAProxy',
    command: haproxy.command,
    args: ['-db', '-f', file],
    env: haproxy.env,
    logFile: join(folder, 'log'),
    stopSignal: 'SIGTERM',
    isReady: () => answersHttp(port),
  });
  await pin(child.pid, options.core);
  return toPeer(child, port);
}
