import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findOpenBao, startOpenBao } from '@tenantry/deploy/embedded/openbao.ts';
import { createAuthority, identityOf } from '../../../../tests/support/certificates.ts';
import type { VaultAuth, VaultSettings } from '../vault/settings.ts';
import { VaultStandIn } from './vault-stand-in.ts';

const SERVERS = process.env['TENANTRY_SERVERS_DIR'] ?? join(import.meta.dirname, '../../../../.tenantry/servers');
const NAMESPACE = 'house';

/** What a service of ours needs, and nothing more: docs/configuration.md says the same to operators. */
const POLICY = {
  path: {
    'kv/data/*': { capabilities: ['create', 'read', 'update'] },
    'kv/metadata/*': { capabilities: ['delete'] },
    'transit/encrypt/data-keys': { capabilities: ['create', 'update'] },
    'transit/decrypt/data-keys': { capabilities: ['update'] },
    'transit/rewrap/data-keys': { capabilities: ['update'] },
    'transit/keys/data-keys': { capabilities: ['create', 'read', 'update'] },
    'transit/keys/data-keys/*': { capabilities: ['update'] },
  },
};

type Server = {
  readonly address: string;
  readonly rootToken: string;
  readonly unsealKey: string;
  readonly stop: () => Promise<void>;
};

export type VaultHouse = Awaited<ReturnType<typeof openVaultHouse>>;

/** The real one where this machine has it, and the stand-in always: what is true of one has to be true of the other. */
export const VAULTS = [
  { name: 'a stand-in for Vault', isReal: false },
  ...(findOpenBao(SERVERS) === undefined ? [] : [{ name: 'OpenBao', isReal: true }]),
];

if (VAULTS.length === 1)
  console.error('OpenBao is left out: fetch it with node boot.mjs deploy/fetch-openbao.ts, or set OPENBAO_BIN.');

/** A Vault with a namespace for us, a KV and a transit engine in it, and the means to make its life hard. */
export async function openVaultHouse(isReal: boolean) {
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-vault-'));
  const authority = createAuthority();
  const caFile = join(folder, 'authority.pem');
  await writeFile(caFile, authority.certificate);
  const server = await (isReal ? openReal() : openStandIn());
  let files = 0;

  async function openStandIn(): Promise<Server> {
    const standIn = new VaultStandIn(identityOf(authority.issue(['127.0.0.1'])));
    const { rootToken, unsealKey } = standIn;
    return { address: await standIn.listen(), rootToken, unsealKey, stop: () => standIn.close() };
  }

  async function openReal(): Promise<Server> {
    const { certificate, privateKey } = authority.issue(['127.0.0.1']);
    const dataDir = join(folder, 'openbao');
    const program = findOpenBao(SERVERS) ?? '';
    const bao = await startOpenBao({ program, dataDir, certificate, privateKey, authority: authority.certificate });
    return { ...bao, address: bao.url, stop: () => bao.stop() };
  }

  const ask = async (method: string, path: string, body?: object, namespace = NAMESPACE) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
    const headers = {
      'x-vault-token': server.rootToken,
      ...(namespace === '' ? {} : { 'x-vault-namespace': namespace }),
    };
    request(
      `${server.address}/v1/${path}`,
      { method, headers, ca: authority.certificate, agent: false },
      (response) => {
        text(response).then((content) => resolve({ status: response.statusCode ?? 0, body: content }), reject);
      },
    )
      .once('error', reject)
      .end(body === undefined ? undefined : JSON.stringify(body));
    const answer = await promise;
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return (answer.body === '' ? {} : JSON.parse(answer.body)) as Record<string, Record<string, unknown> | undefined>;
  };

  await ask('POST', `sys/namespaces/${NAMESPACE}`, {}, '');
  await ask('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
  await ask('POST', 'sys/mounts/transit', { type: 'transit' });
  await ask('POST', 'sys/auth/approle', { type: 'approle' });
  await ask('POST', 'sys/policies/acl/tenantry', { policy: JSON.stringify(POLICY) });
  await ask('POST', 'sys/policies/acl/keys-only', {
    policy: JSON.stringify({ path: { 'transit/*': { capabilities: ['create', 'read', 'update'] } } }),
  });

  const settings = (auth: VaultAuth): VaultSettings => ({
    ...{ address: server.address, namespace: NAMESPACE, caFile, kvMount: 'kv', transitMount: 'transit', auth },
  });

  return {
    ask,
    authority,
    address: server.address,
    settings,
    /** Signs in with a role whose tokens live so long. */
    async byRole(life: { readonly ttl?: string; readonly maxTtl?: string; readonly policy?: string } = {}) {
      const role = `role-${files++}`;
      const { ttl = '60s', maxTtl = '1h', policy = 'tenantry' } = life;
      const given = { token_policies: [policy], token_ttl: ttl, token_max_ttl: maxTtl };
      await ask('POST', `auth/approle/role/${role}`, given);
      const roleId = String((await ask('GET', `auth/approle/role/${role}/role-id`)).data?.['role_id']);
      const secretId = String((await ask('POST', `auth/approle/role/${role}/secret-id`, {})).data?.['secret_id']);
      return settings({ kind: 'approle', mount: 'approle', roleId, secretId });
    },
    async newToken(ttl: string, policy = 'tenantry'): Promise<string> {
      const made = await ask('POST', 'auth/token/create', { policies: [policy], ttl, renewable: true });
      return String(made.auth?.['client_token']);
    },
    async byFile(token: string) {
      const file = join(folder, `token-${files++}`);
      await writeFile(file, `${token}\n`);
      return { file, settings: settings({ kind: 'token-file', file }) };
    },
    async lastRenewalOf(token: string) {
      return (await ask('POST', 'auth/token/lookup', { token })).data?.['last_renewal'];
    },
    revoke: (token: string) => ask('POST', 'auth/token/revoke', { token }),
    revokeAllOfRoles: () => ask('POST', 'sys/leases/revoke-prefix/auth/approle/login', {}),
    seal: () => ask('POST', 'sys/seal', {}, ''),
    unseal: () => ask('POST', 'sys/unseal', { key: server.unsealKey }, ''),
    async close(): Promise<void> {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
