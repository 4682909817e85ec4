import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

type Body = Readonly<Record<string, unknown>>;
type Answer = { readonly status: number; readonly body?: Body };
type Version = { value: Body | null };
type Token = {
  readonly token: string;
  readonly policies: readonly string[];
  readonly isRoot: boolean;
  readonly isRenewable: boolean;
  readonly fromRole: boolean;
  ttlMs: number;
  endsAtMs: number;
  readonly maxEndsAtMs: number;
  lastRenewal: string | null;
};
type Role = { readonly policies: readonly string[]; ttlMs: number; maxTtlMs: number; secretIds: Set<string> };
type TransitKey = {
  keys: Map<number, { key: Buffer; begun: number }>;
  latest: number;
  minDecryption: number;
  minEncryption: number;
  minAvailable: number;
};
type Rules = Readonly<Record<string, { readonly capabilities: readonly string[] }>>;

const refuse = (status: number, ...errors: string[]): Answer => ({ status, body: { errors } });
const FORBIDDEN = refuse(403, '1 error occurred:\n\t* permission denied\n\n');
const seconds = (value: unknown): number => {
  const found = /^([0-9]+)s?$/.exec(String(value ?? ''));
  return found === null ? 0 : Number(found[1]);
};

/**
 * As much of Vault as we use, over HTTPS, as OpenBao 2.7 answers: the same suite runs against that where it is there, so
 * what is said here is checked. One namespace beside the root.
 */
export class VaultStandIn {
  readonly rootToken = `s.${randomBytes(18).toString('base64url')}`;
  readonly unsealKey = randomBytes(32).toString('base64');
  #isSealed = false;
  readonly #namespaces = new Set(['']);
  readonly #mounts = new Map<string, string>();
  readonly #policies = new Map<string, Rules>();
  readonly #tokens = new Map<string, Token>();
  readonly #roles = new Map<string, Role & { readonly roleId: string }>();
  readonly #secrets = new Map<string, Version[]>();
  readonly #transit = new Map<string, TransitKey>();
  readonly #server: Server;

  constructor(identity: { readonly cert: string; readonly key: string }) {
    this.#tokens.set(this.rootToken, this.#newToken(this.rootToken, { isRoot: true }));
    this.#server = createServer(identity, (request, response) => {
      void (async () => {
        const content = await text(request);
        const url = new URL(request.url ?? '/', 'https://vault');
        const path = decodeURIComponent(url.pathname).replace(/^\/v1\//, '');
        const { status, body } = this.#answer(
          request.method ?? 'GET',
          path,
          content === '' ? {} : JSON.parse(content),
          String(request.headers['x-vault-token'] ?? ''),
          String(request.headers['x-vault-namespace'] ?? '').replace(/\/$/, ''),
        );
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(body === undefined ? undefined : JSON.stringify(body));
      })().catch(() => response.destroy());
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(method: string, path: string, body: Body, tokenText: string, namespace: string): Answer {
    if (/^sys\/(health|seal|unseal)$/.test(path) && namespace !== '')
      return refuse(400, 'operation unavailable in namespaces');
    if (path === 'sys/health') {
      const status = this.#isSealed ? 503 : 200;
      return { status, body: { initialized: true, sealed: this.#isSealed, standby: this.#isSealed } };
    }
    if (path === 'sys/unseal') {
      if (body['key'] !== this.unsealKey) return refuse(400, 'invalid key');
      this.#isSealed = false;
      return { status: 200, body: { sealed: false } };
    }
    if (this.#isSealed) return refuse(503, 'Vault is sealed');
    if (!this.#namespaces.has(namespace)) return refuse(404, 'no handler for route');
    if (path.startsWith('auth/approle/login')) return this.#signIn(body);
    const token = this.#tokens.get(tokenText);
    if (token === undefined || token.endsAtMs <= Date.now())
      return refuse(403, '2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n');
    const isOfToken = path === 'auth/token/lookup-self' || path === 'auth/token/renew-self';
    if (!token.isRoot && !isOfToken && !this.#isAllowed(token, method, path)) return FORBIDDEN;
    const [first = '', ...rest] = path.split('/');
    if (first === 'sys') return this.#system(method, rest, body);
    if (first === 'auth') return this.#auth(rest, body, token);
    const mount = [...this.#mounts.keys()].find(
      (name) => name.startsWith(`${namespace}|`) && path.startsWith(`${name.slice(namespace.length + 1)}/`),
    );
    if (mount === undefined) return refuse(404, `no handler for route "${path}". route entry not found.`);
    const below = path.slice(mount.length - namespace.length);
    return this.#mounts.get(mount) === 'kv'
      ? this.#kv(method, mount, below, body)
      : this.#keys(method, mount, below, body);
  }

  #system(method: string, [what = '', ...rest]: readonly string[], body: Body): Answer {
    const name = rest.join('/');
    if (what === 'seal') this.#isSealed = true;
    else if (what === 'namespaces') this.#namespaces.add(name);
    else if (what === 'mounts') this.#mounts.set(`${[...this.#namespaces].at(-1)}|${name}`, String(body['type']));
    else if (what === 'policies') this.#policies.set(rest.at(-1) ?? '', JSON.parse(String(body['policy'])).path);
    else if (what === 'leases')
      for (const token of this.#tokens.values()) if (token.fromRole) this.#tokens.delete(token.token);
    return { status: method === 'POST' && what === 'namespaces' ? 200 : 204 };
  }

  #auth([of = '', ...rest]: readonly string[], body: Body, self: Token): Answer {
    if (of === 'token') {
      if (rest[0] === 'lookup-self') return this.#tell(self);
      if (rest[0] === 'lookup') {
        const other = this.#tokens.get(String(body['token']));
        return other === undefined ? refuse(403, 'bad token') : this.#tell(other);
      }
      if (rest[0] === 'renew-self') {
        if (!self.isRenewable) return refuse(400, 'lease is not renewable');
        self.ttlMs = Math.max(0, Math.min(self.ttlMs, self.maxEndsAtMs - Date.now()));
        self.endsAtMs = Date.now() + self.ttlMs;
        self.lastRenewal = new Date().toISOString();
        return this.#grant(self);
      }
      if (rest[0] === 'revoke') {
        this.#tokens.delete(String(body['token']));
        return { status: 204 };
      }
      const made = this.#newToken(`s.${randomBytes(18).toString('base64url')}`, {
        policies: body['policies'] as string[],
        ttlMs: seconds(body['ttl']) * 1_000,
        maxTtlMs: seconds(body['explicit_max_ttl']) * 1_000,
      });
      this.#tokens.set(made.token, made);
      return this.#grant(made);
    }
    const [, name = '', part] = rest;
    const role = this.#roles.get(name) ?? {
      roleId: randomBytes(16).toString('hex'),
      policies: (body['token_policies'] ?? []) as string[],
      ttlMs: seconds(body['token_ttl']) * 1_000,
      maxTtlMs: seconds(body['token_max_ttl']) * 1_000,
      secretIds: new Set<string>(),
    };
    this.#roles.set(name, role);
    if (part === 'role-id') return { status: 200, body: { data: { role_id: role.roleId } } };
    if (part !== 'secret-id') return { status: 204 };
    const secretId = randomBytes(16).toString('hex');
    role.secretIds.add(secretId);
    return { status: 200, body: { data: { secret_id: secretId } } };
  }

  #signIn(body: Body): Answer {
    const role = [...this.#roles.values()].find(({ roleId }) => roleId === body['role_id']);
    if (role === undefined || !role.secretIds.has(String(body['secret_id'])))
      return refuse(400, 'invalid role or secret ID');
    const { policies, ttlMs, maxTtlMs } = role;
    const token = this.#newToken(`s.${randomBytes(18).toString('base64url')}`, {
      policies,
      ttlMs,
      maxTtlMs,
      fromRole: true,
    });
    this.#tokens.set(token.token, token);
    return this.#grant(token);
  }

  #newToken(
    token: string,
    given: { isRoot?: boolean; policies?: readonly string[]; ttlMs?: number; maxTtlMs?: number; fromRole?: boolean },
  ): Token {
    const { isRoot = false, policies = [], ttlMs = 0, maxTtlMs = 0, fromRole = false } = given;
    const end = (ms: number): number => (ms === 0 ? Number.POSITIVE_INFINITY : Date.now() + ms);
    return {
      token,
      policies,
      isRoot,
      isRenewable: !isRoot,
      fromRole,
      ttlMs,
      endsAtMs: end(ttlMs),
      maxEndsAtMs: end(maxTtlMs),
      lastRenewal: null,
    };
  }

  #grant({ token, ttlMs, isRenewable }: Token): Answer {
    const auth = { client_token: token, lease_duration: Math.round(ttlMs / 1_000), renewable: isRenewable };
    return { status: 200, body: { auth } };
  }

  #tell({ endsAtMs, isRenewable, lastRenewal }: Token): Answer {
    const ttl = Number.isFinite(endsAtMs) ? Math.max(0, Math.round((endsAtMs - Date.now()) / 1_000)) : 0;
    return { status: 200, body: { data: { ttl, renewable: isRenewable, last_renewal: lastRenewal } } };
  }

  #isAllowed({ policies }: Token, method: string, path: string): boolean {
    const wanted = { GET: ['read'], DELETE: ['delete'] }[method] ?? ['create', 'update'];
    return policies
      .flatMap((name) => Object.entries(this.#policies.get(name) ?? {}))
      .some(
        ([rule, { capabilities }]) =>
          (rule.endsWith('*') ? path.startsWith(rule.slice(0, -1)) : path === rule) &&
          wanted.some((one) => capabilities.includes(one)),
      );
  }

  #kv(method: string, mount: string, path: string, body: Body): Answer {
    const [kind = '', ...rest] = path.split('/');
    const key = `${mount}/${rest.join('/')}`;
    const versions = this.#secrets.get(key) ?? [];
    const metadata = { version: versions.length, destroyed: false };
    if (kind === 'metadata' && method === 'DELETE') {
      this.#secrets.delete(key);
      return { status: 204 };
    }
    if (method === 'GET') {
      const value = versions.at(-1)?.value;
      if (value === undefined) return refuse(404);
      return { status: value === null ? 404 : 200, body: { data: { data: value, metadata } } };
    }
    if (method === 'DELETE') {
      const newest = versions.at(-1);
      if (newest !== undefined) newest.value = null;
      return { status: 204 };
    }
    const cas = (body['options'] as { cas?: number } | undefined)?.cas;
    if (cas !== undefined && cas !== versions.length)
      return refuse(400, 'check-and-set parameter did not match the current version');
    this.#secrets.set(key, [...versions, { value: body['data'] as Body }]);
    return { status: 200, body: { data: { version: versions.length + 1 } } };
  }

  #keys(method: string, mount: string, path: string, body: Body): Answer {
    const [verb = '', name = '', action] = path.split('/');
    const id = `${mount}/${name}`;
    let key = this.#transit.get(id);
    if (verb === 'keys' && method === 'GET') return key === undefined ? refuse(404) : this.#tellKey(key);
    if (key === undefined) {
      if (verb !== 'encrypt' && action !== undefined)
        return refuse(400, 'no existing key named data-keys could be found');
      if (verb !== 'encrypt' && verb !== 'keys') return refuse(400, 'encryption key not found');
      key = { keys: new Map(), latest: 0, minDecryption: 1, minEncryption: 0, minAvailable: 0 };
      this.#transit.set(id, key);
      this.#addVersion(key);
    } else if (verb === 'keys' && action === 'rotate') this.#addVersion(key);
    else if (verb === 'keys' && action === 'config') {
      if (Number(body['min_encryption_version']) < key.minAvailable)
        return refuse(400, 'min encryption version should not be less than min available version');
      key.minDecryption = Number(body['min_decryption_version']);
      key.minEncryption = Number(body['min_encryption_version']);
    } else if (verb === 'keys' && action === 'trim') {
      if (key.minEncryption === 0)
        return refuse(400, 'minimum available version cannot be set when minimum encryption version is not set');
      const least = Number(body['min_available_version']);
      if (least < key.minAvailable) return refuse(400, 'minimum available version cannot be decremented');
      key.minAvailable = least;
      for (const number of key.keys.keys()) if (number < key.minAvailable) key.keys.delete(number);
    }
    if (verb === 'keys') return this.#tellKey(key);
    const { context } = body;
    if (typeof context !== 'string') return refuse(400, "missing 'context' for key derivation");
    if (verb === 'encrypt') return this.#wrap(key, context, String(body['plaintext']));
    const opened = this.#open(key, context, String(body['ciphertext']));
    if (typeof opened !== 'string') return opened;
    return verb === 'rewrap'
      ? this.#wrap(key, context, opened)
      : { status: 200, body: { data: { plaintext: opened } } };
  }

  #addVersion(key: TransitKey): void {
    key.latest += 1;
    key.keys.set(key.latest, { key: randomBytes(32), begun: Math.floor(Date.now() / 1_000) });
  }

  #tellKey({ keys, latest, minDecryption, minAvailable }: TransitKey): Answer {
    const seen = [...keys].filter(([number]) => number >= minDecryption).map(([number, { begun }]) => [number, begun]);
    return {
      status: 200,
      body: { data: { keys: Object.fromEntries(seen), latest_version: latest, min_available_version: minAvailable } },
    };
  }

  #wrap(key: TransitKey, context: string, plaintext: string): Answer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', derive(key, key.latest, context), nonce);
    const sealed = Buffer.concat([nonce, cipher.update(plaintext, 'base64'), cipher.final(), cipher.getAuthTag()]);
    const ciphertext = `vault:v${key.latest}:${sealed.toString('base64')}`;
    return { status: 200, body: { data: { ciphertext, key_version: key.latest } } };
  }

  #open(key: TransitKey, context: string, ciphertext: string): string | Answer {
    const [, number = '', text64 = ''] = /^vault:v([0-9]+):(.*)$/.exec(ciphertext) ?? [];
    if (number === '') return refuse(400, 'invalid ciphertext: no prefix');
    if (Number(number) < key.minDecryption)
      return refuse(400, 'ciphertext or signature version is disallowed by policy (too old)');
    if (Number(number) > key.latest) return refuse(400, 'invalid ciphertext: version is too new');
    const bytes = Buffer.from(text64, 'base64');
    if (bytes.length < 28) return refuse(400, 'invalid ciphertext length');
    try {
      const decipher = createDecipheriv('aes-256-gcm', derive(key, Number(number), context), bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('base64');
    } catch {
      return refuse(400, 'cipher: message authentication failed');
    }
  }
}

const derive = ({ keys }: TransitKey, number: number, context: string): Buffer =>
  Buffer.from(hkdfSync('sha256', keys.get(number)?.key ?? Buffer.alloc(0), '', context, 32));
