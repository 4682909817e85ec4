import { readFile } from 'node:fs/promises';
import type { VaultAnswer, VaultHttp, VaultRequest } from './http.ts';
import { isAwayStatus, VaultRefusal, vaultAway, vaultForbids } from './refusal.ts';
import type { VaultAuth } from './settings.ts';

/** The token that goes with each request: obtained when it is first needed, renewed at half its life. */
export type VaultTokens = {
  readonly current: () => Promise<string>;
  /** After `refused` was refused: another one; null when there is none to be had. */
  readonly another: (refused: string) => Promise<string | null>;
  /** False while the last attempt to obtain or renew one has failed and what there was may be over. */
  readonly isGood: () => boolean;
  readonly close: () => void;
};

type Lease = { readonly token: string; readonly ttlSeconds: number; readonly isRenewable: boolean };

const TIMEOUT_MS = 2_000;
/** A failed renewal is tried again after this, doubling up to half a minute. */
const AGAIN_MS = 500;
const AGAIN_AT_MOST_MS = 30_000;
/** A refused token is replaced this often at most: a right that is missing is not mended by signing in again. */
const REPLACE_EVERY_MS = 1_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function openVaultTokens(options: {
  readonly http: VaultHttp;
  readonly auth: VaultAuth;
  /** Told of what happens in the background; the error shows no token. */
  readonly onError: (error: Error) => void;
}): VaultTokens {
  const { http, auth, onError } = options;
  let held: (Lease & { readonly endsAtMs: number }) | null = null;
  let obtaining: Promise<string> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let lastReplacedMs = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let isClosed = false;

  const ask = async (what: string, request: VaultRequest, token: string | null): Promise<unknown> => {
    let answer: VaultAnswer;
    try {
      answer = await http.send(request, token, AbortSignal.timeout(TIMEOUT_MS));
    } catch (cause) {
      throw vaultAway(cause);
    }
    if (isAwayStatus(answer.status)) throw vaultAway(new VaultRefusal(what, answer));
    if (answer.status >= 400) throw vaultForbids(new VaultRefusal(what, answer));
    return answer.body;
  };

  const signIn = async ({ mount, roleId, secretId }: Extract<VaultAuth, { kind: 'approle' }>): Promise<Lease> => {
    const body = { role_id: roleId, secret_id: secretId };
    return leaseIn(await ask('sign us in', { method: 'POST', path: `auth/${mount}/login`, body }, null));
  };

  const readToken = async (file: string): Promise<Lease> => {
    const token = await readFile(file, 'utf8').then(
      (content) => content.trim(),
      (cause: unknown) => {
        throw vaultAway(cause);
      },
    );
    if (!/^[\x21-\x7e]{1,4096}$/.test(token)) throw vaultAway(new Error('VAULT_TOKEN_FILE does not hold a token.'));
    const about = await ask('tell of our token', { method: 'GET', path: 'auth/token/lookup-self' }, token);
    return { token, ...lifeIn(about) };
  };

  const obtain = (): Promise<Lease> => (auth.kind === 'approle' ? signIn(auth) : readToken(auth.file));

  const hold = (lease: Lease): string => {
    // Vault's 0 stands for a token that never ends.
    const lifeMs = lease.ttlSeconds === 0 ? Number.POSITIVE_INFINITY : lease.ttlSeconds * 1_000;
    held = { ...lease, endsAtMs: performance.now() + lifeMs };
    failures = 0;
    if (Number.isFinite(lifeMs)) later(lifeMs / 2);
    return lease.token;
  };

  const later = (delayMs: number): void => {
    clearTimeout(timer);
    if (isClosed) return;
    timer = setTimeout(() => void keepAlive(), Math.min(delayMs, LONGEST_TIMER_MS));
    timer.unref();
  };

  const renew = async (lease: Lease): Promise<Lease> => {
    const renewed = await ask(
      'renew our token',
      { method: 'POST', path: 'auth/token/renew-self', body: {} },
      lease.token,
    );
    const next = leaseIn(renewed);
    // Near the end of what it may ever live it is renewed for less and less: time for a new one.
    if (next.ttlSeconds < lease.ttlSeconds / 2) throw new Error('The token cannot be renewed for long any more.');
    return { ...next, token: lease.token };
  };

  const keepAlive = async (): Promise<void> => {
    const lease = held;
    if (lease === null || isClosed) return;
    try {
      const next = await (lease.isRenewable && auth.kind === 'approle' ? renew(lease).catch(obtain) : refresh(lease));
      if (!isClosed) hold(next);
    } catch (cause) {
      failures++;
      onError(new Error('The token for Vault could not be renewed.', { cause }));
      later(Math.min(AGAIN_MS * 2 ** (failures - 1), AGAIN_AT_MOST_MS));
    }
  };

  /** Whoever keeps the file may have put another one there; the same one is renewed, which harms nobody. */
  const refresh = async (lease: Lease): Promise<Lease> => {
    const next = await obtain();
    return auth.kind === 'token-file' && next.token === lease.token && next.isRenewable ? renew(next) : next;
  };

  /** One at a time: all who need it get the same. */
  const obtainOnce = (): Promise<string> => {
    obtaining ??= obtain()
      .then(hold, (error: unknown) => {
        failures++;
        throw error;
      })
      .finally(() => {
        obtaining = null;
      });
    return obtaining;
  };

  return {
    async current() {
      if (held !== null && performance.now() < held.endsAtMs) return held.token;
      return obtainOnce();
    },
    async another(refused) {
      if (held !== null && held.token !== refused) return held.token;
      if (performance.now() - lastReplacedMs < REPLACE_EVERY_MS) return null;
      lastReplacedMs = performance.now();
      const token = await obtainOnce();
      return token === refused ? null : token;
    },
    isGood: () => failures === 0,
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

function leaseIn(body: unknown): Lease {
  const auth = member(body, 'auth');
  const token = member(auth, 'client_token');
  const ttlSeconds = member(auth, 'lease_duration');
  if (typeof token !== 'string' || typeof ttlSeconds !== 'number') throw new Error('Vault gave no token.');
  return { token, ttlSeconds, isRenewable: member(auth, 'renewable') === true };
}

function lifeIn(body: unknown): Omit<Lease, 'token'> {
  const data = member(body, 'data');
  const ttlSeconds = member(data, 'ttl');
  return {
    ttlSeconds: typeof ttlSeconds === 'number' ? ttlSeconds : 0,
    isRenewable: member(data, 'renewable') === true,
  };
}

/** A member of something that may be anything. */
export const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
