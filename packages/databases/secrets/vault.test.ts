import { createSecretKey, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { newId } from '@tenantry/kernel/id.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, identityOf } from '../../../tests/support/certificates.ts';
import { eventually } from '../../../tests/support/eventually.ts';
import { openVaultHouse, VAULTS, type VaultHouse } from './test/vault-house.ts';
import { openVaultClient, type VaultCall, type VaultClient } from './vault/client.ts';
import { createKvSecrets } from './vault/kv-secrets.ts';
import { type VaultSettings, vaultFault } from './vault/settings.ts';
import { createTransitKeyring } from './vault/transit-keyring.ts';

const UNAVAILABLE = { kind: { code: 'upstream-unavailable' } };

describe.each(VAULTS)('With $name', ({ isReal }) => {
  let house: VaultHouse;
  const clients: VaultClient[] = [];
  beforeAll(async () => {
    house = await openVaultHouse(isReal);
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(() => house.close());

  const open = (settings: VaultSettings) => {
    const calls: VaultCall[] = [];
    const errors: Error[] = [];
    let isOpen = false;
    const time = { nowMs: performance.now() };
    const client = openVaultClient({
      settings,
      onError: (error) => errors.push(error),
      onCall: (call) => calls.push(call),
      onBreaker: ({ to }) => {
        isOpen = to === 'open';
      },
    });
    clients.push(client);
    const nowMs = (): number => time.nowMs;
    return {
      client,
      calls,
      errors,
      isBreakerOpen: () => isOpen,
      /** Of what is kept in memory. */
      advance: (ms: number) => {
        time.nowMs += ms;
      },
      secrets: createKvSecrets({ client, mount: settings.kvMount, service: 'payments', nowMs }),
      keyring: createTransitKeyring({ client, mount: settings.transitMount, nowMs }),
    };
  };

  it('a change by another process counts within five seconds, and one of its own at once', async () => {
    const settings = await house.byRole();
    const [one, other, tenant] = [open(settings), open(settings), newId('ten')];
    await one.secrets.write(tenant, 'midtrans', 'old');
    expect(await other.secrets.read(tenant, 'midtrans')).toBe('old');
    await one.secrets.write(tenant, 'midtrans', 'new');
    expect(await one.secrets.read(tenant, 'midtrans')).toBe('new');
    other.advance(5_001);
    expect(await other.secrets.read(tenant, 'midtrans')).toBe('new');
    await one.secrets.remove(tenant, 'midtrans');
    expect(await one.secrets.read(tenant, 'midtrans')).toBeNull();
    other.advance(5_001);
    expect(await other.secrets.read(tenant, 'midtrans')).toBeNull();
  });

  it('many who read the same at one instant ask once', async () => {
    const settings = await house.byRole();
    const [{ secrets, calls }, tenant] = [open(settings), newId('ten')];
    await secrets.write(tenant, 'midtrans', 'x');
    calls.length = 0;
    expect(new Set(await Promise.all(Array.from({ length: 50 }, () => secrets.read(tenant, 'midtrans'))))).toEqual(
      new Set(['x']),
    );
    expect(calls).toEqual([{ what: 'read a secret', durationMs: expect.any(Number), outcome: 'answered' }]);
  });

  it('a write that was given up and arrives late does not undo a later one', async () => {
    const tenant = newId('ten');
    const plain = open(await house.byRole());
    await plain.secrets.write(tenant, 'midtrans', 'first');
    const road = await openSlowRoad(house);
    try {
      const slow = open({ ...(await house.byRole()), address: road.address });
      expect(await slow.secrets.read(tenant, 'midtrans')).toBe('first');
      road.holdWrites();
      await expect(slow.secrets.write(tenant, 'midtrans', 'late')).rejects.toMatchObject(UNAVAILABLE);
      await plain.secrets.write(tenant, 'midtrans', 'later');
      // Each attempt that was held arrives now, and is refused.
      const statuses = await road.deliver();
      expect(statuses.length).toBeGreaterThan(0);
      expect(new Set(statuses)).toEqual(new Set([400]));
      plain.advance(5_001);
      expect(await plain.secrets.read(tenant, 'midtrans')).toBe('later');
    } finally {
      await road.close();
    }
  });

  it('a write whose answer is lost, and its repetition refused, has taken effect and says so', async () => {
    const tenant = newId('ten');
    const road = await openSlowRoad(house);
    try {
      const { secrets } = open({ ...(await house.byRole()), address: road.address });
      await secrets.write(tenant, 'midtrans', 'first');
      road.loseNextAnswerToWrite();
      await secrets.write(tenant, 'midtrans', 'second');
      expect(await open(await house.byRole()).secrets.read(tenant, 'midtrans')).toBe('second');
    } finally {
      await road.close();
    }
  });

  it('what was known goes on for a quarter of an hour while it is sealed; what was not known is refused', async () => {
    const { client, secrets, keyring, advance } = open(await house.byRole());
    const [tenant, stranger] = [newId('ten'), newId('ten')];
    const key = createSecretKey(randomBytes(32));
    await secrets.write(tenant, 'midtrans', 'x');
    await secrets.read(tenant, 'midtrans');
    const [wrapped, unseen] = [await keyring.wrap('here', key), await keyring.wrap('there', key)];
    await keyring.unwrap('here', wrapped);
    await client.check();
    await house.seal();
    try {
      await expect(client.check()).rejects.toMatchObject(UNAVAILABLE);
      advance(14 * 60_000);
      expect(await secrets.read(tenant, 'midtrans')).toBe('x');
      expect((await keyring.unwrap('here', wrapped)).equals(key)).toBe(true);
      await expect(secrets.read(stranger, 'midtrans')).rejects.toMatchObject(UNAVAILABLE);
      await expect(secrets.write(tenant, 'midtrans', 'y')).rejects.toMatchObject(UNAVAILABLE);
      await expect(keyring.unwrap('there', unseen)).rejects.toMatchObject(UNAVAILABLE);
      advance(2 * 60_000);
      await expect(secrets.read(tenant, 'midtrans')).rejects.toMatchObject(UNAVAILABLE);
      await expect(keyring.unwrap('here', wrapped)).rejects.toMatchObject(UNAVAILABLE);
    } finally {
      await house.unseal();
    }
    await eventually(async () => expect(await secrets.read(tenant, 'midtrans')).toBe('x'));
    await eventually(() => client.check());
    expect((await keyring.unwrap('there', unseen)).equals(key)).toBe(true);
  });

  it('one that hangs is given up, then refused without being asked, and found again', async () => {
    const road = await openSlowRoad(house);
    try {
      const { secrets, isBreakerOpen } = open({ ...(await house.byRole()), address: road.address });
      const tenant = newId('ten');
      await secrets.write(tenant, 'midtrans', 'x');
      road.holdAll(true);
      await Promise.all(
        Array.from({ length: 6 }, (_, index) =>
          expect(secrets.read(tenant, `unknown-${index}`)).rejects.toMatchObject(UNAVAILABLE),
        ),
      );
      expect(isBreakerOpen()).toBe(true);
      const asked = road.seen();
      await expect(secrets.read(tenant, 'another')).rejects.toMatchObject(UNAVAILABLE);
      expect(road.seen()).toBe(asked);
      road.holdAll(false);
      await eventually(async () => expect(await secrets.read(tenant, 'midtrans')).toBe('x'));
    } finally {
      await road.close();
    }
  });

  it('a revoked token is replaced by signing in again, unnoticed', async () => {
    const { secrets, keyring } = open(await house.byRole());
    const tenant = newId('ten');
    await secrets.write(tenant, 'midtrans', 'x');
    await house.revokeAllOfRoles();
    expect(await secrets.read(tenant, 'midtrans')).toBe('x');
    await keyring.wrap('here', createSecretKey(randomBytes(32)));
  });

  it('a token is renewed at half its life, from a role and from a file', async () => {
    const token = await house.newToken('6s');
    const { settings } = await house.byFile(token);
    const [byFile, byRole, tenant] = [open(settings), open(await house.byRole({ ttl: '6s' })), newId('ten')];
    await Promise.all([byFile, byRole].map(({ secrets }) => secrets.read(tenant, 'midtrans')));
    const first = await eventually(async () => {
      const renewed = await house.lastRenewalOf(token);
      if (renewed === null || renewed === undefined) throw new Error('not renewed yet');
      return renewed;
    });
    await eventually(async () => expect(await house.lastRenewalOf(token)).not.toEqual(first));
    // By now each of the first tokens would be over.
    await byFile.secrets.write(tenant, 'midtrans', 'x');
    expect(await byRole.secrets.read(tenant, 'midtrans')).toBe('x');
    expect([...byFile.errors, ...byRole.errors]).toEqual([]);
  }, 60_000);

  it('a token that has lived as long as it may is followed by a new one', async () => {
    const { secrets, errors, calls } = open(await house.byRole({ ttl: '1s', maxTtl: '2s' }));
    const tenant = newId('ten');
    const until = performance.now() + 3_000;
    for (let turn = 0; performance.now() < until; turn++) await secrets.write(tenant, `name-${turn % 5}`, `${turn}`);
    expect(calls.every(({ outcome }) => outcome === 'answered')).toBe(true);
    expect(errors).toEqual([]);
  });

  it('a new token in the file counts when the old one is refused', async () => {
    const token = await house.newToken('60s');
    const { settings, file } = await house.byFile(token);
    const { secrets } = open(settings);
    const tenant = newId('ten');
    await secrets.write(tenant, 'midtrans', 'x');
    await house.revoke(token);
    await expect(secrets.read(tenant, 'midtrans')).rejects.toMatchObject(UNAVAILABLE);
    await writeFile(file, await house.newToken('60s'));
    await eventually(async () => expect(await secrets.read(tenant, 'midtrans')).toBe('x'));
  });

  it('a right that is missing is 503 for the operator to mend, and nobody goes on with what was known', async () => {
    const token = await house.newToken('60s');
    const { settings, file } = await house.byFile(token);
    const { secrets, keyring, advance } = open(settings);
    const tenant = newId('ten');
    await secrets.write(tenant, 'midtrans', 'x');
    await secrets.read(tenant, 'midtrans');
    await writeFile(file, await house.newToken('60s', 'keys-only'));
    await house.revoke(token);
    advance(5_001);
    await expect(secrets.read(tenant, 'midtrans')).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: expect.stringContaining('operator'),
      cause: { status: 403 },
    });
    await eventually(() => keyring.wrap('here', createSecretKey(randomBytes(32))));
  });

  it('no error shows a secret, a token or what we sign in with', async () => {
    const good = await house.byRole();
    const bad = await house.byRole({ policy: 'keys-only' });
    const wrong = { ...good, auth: { ...good.auth, secretId: 'SIGN-IN-CANARY' } } as VaultSettings;
    const nowhere = { ...good, address: 'https://127.0.0.1:1' };
    const tenant = newId('ten');
    for (const settings of [bad, wrong, nowhere]) {
      const { secrets, client } = open(settings);
      const failures = await Promise.allSettled([secrets.write(tenant, 'midtrans', 'VALUE-CANARY'), client.check()]);
      expect(failures[0]?.status).toBe('rejected');
      for (const failure of failures) {
        const shown = inspect(failure, { depth: 20, showHidden: true });
        expect(shown).not.toMatch(/CANARY|x-vault-token|[^a-z]s\.[A-Za-z0-9]{20}/);
        if (settings.auth.kind === 'approle') expect(shown).not.toContain(settings.auth.secretId);
      }
    }
  });

  it('only a server with a certificate of the named authority is told anything', async () => {
    const road = await openSlowRoad(house, createAuthority('somebody else'));
    try {
      const { secrets } = open({ ...(await house.byRole()), address: road.address });
      await expect(secrets.read(newId('ten'), 'midtrans')).rejects.toMatchObject(UNAVAILABLE);
      expect(road.seen()).toBe(0);
    } finally {
      await road.close();
    }
  });
});

describe('Settings of a Vault', () => {
  const good: VaultSettings = {
    ...{ address: 'https://vault:8200', namespace: '', caFile: '', kvMount: 'kv', transitMount: 'transit' },
    auth: { kind: 'token-file', file: '/run/token' },
  };
  it('are refused where a token would go in the clear, or to somewhere that was not meant', () => {
    expect(vaultFault(good)).toBeNull();
    expect(vaultFault({ ...good, address: 'http://127.0.0.1:8200' })).toBeNull();
    expect(vaultFault({ ...good, address: 'http://vault:8200' })).toContain('https');
    expect(vaultFault({ ...good, address: 'vault:8200' })).toContain('VAULT_ADDR');
    expect(vaultFault({ ...good, address: 'https://me:secret@vault' })).not.toContain('secret');
    expect(vaultFault({ ...good, kvMount: '../sys' })).toContain('mount');
    expect(() => openVaultClient({ settings: { ...good, address: 'http://vault' }, onError: () => undefined })).toThrow(
      RangeError,
    );
  });

  it('name an outage what it is', async () => {
    const client = openVaultClient({ settings: { ...good, address: 'http://127.0.0.1:1' }, onError: () => undefined });
    const failure = await client.check().catch((error: unknown) => error);
    expect(failure).toMatchObject(UNAVAILABLE);
    client.close();
  });
});

/** A road to the Vault on which messages can be held up, and answers lost. */
async function openSlowRoad(house: VaultHouse, authority = house.authority) {
  const held: { readonly message: IncomingMessage; readonly body: Buffer }[] = [];
  let [isHolding, isHoldingAll, isLosing, seen] = [false, false, false, 0];

  const pass = (message: IncomingMessage, body: Buffer): Promise<{ status: number; body: Buffer }> => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Buffer }>();
    const { method, headers } = message;
    request(
      new URL(message.url ?? '/', house.address),
      { ...(method === undefined ? {} : { method }), headers, ca: house.authority.certificate, agent: false },
      (answer) => {
        buffer(answer).then((content) => resolve({ status: answer.statusCode ?? 0, body: content }), reject);
      },
    )
      .once('error', reject)
      .end(body);
    return promise;
  };

  const server = createServer(identityOf(authority.issue(['127.0.0.1'])), (message, response) => {
    void (async () => {
      seen++;
      const body = await buffer(message);
      const isWrite = message.method === 'POST' && message.url?.includes('/kv/data/') === true;
      if (isHoldingAll) return;
      if (isWrite && isHolding) {
        held.push({ message, body });
        return;
      }
      const answer = await pass(message, body);
      if (isWrite && isLosing) {
        isLosing = false;
        response.destroy();
        return;
      }
      response.writeHead(answer.status).end(answer.body);
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: () => seen,
    holdWrites: () => {
      isHolding = true;
    },
    /** Nothing is passed on, nor later. */
    holdAll: (isOn: boolean) => {
      isHoldingAll = isOn;
    },
    loseNextAnswerToWrite: () => {
      isLosing = true;
    },
    /** Sends on what was held; the statuses of the answers, which nobody waits for any more. */
    async deliver(): Promise<readonly number[]> {
      isHolding = false;
      const answers = await Promise.all(held.splice(0).map(({ message, body }) => pass(message, body)));
      return answers.map(({ status }) => status);
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
