import type { BreakerTransition } from '@tenantry/resilience/circuit-breaker.ts';
import { deadlineAfter } from '@tenantry/resilience/deadline.ts';
import { createPolicy } from '@tenantry/resilience/policy.ts';
import { openVaultHttp, type VaultAnswer, type VaultRequest } from './http.ts';
import { isAway, isAwayStatus, VaultRefusal, vaultAway, vaultForbids } from './refusal.ts';
import { type VaultSettings, vaultFault } from './settings.ts';
import { member, openVaultTokens } from './tokens.ts';

/** One request, as whoever counts and traces calls is told of it when it has ended: no path, no value. */
export type VaultCall = {
  readonly what: string;
  readonly durationMs: number;
  readonly outcome: 'answered' | 'refused' | 'unavailable';
};

export type VaultClientOptions = {
  readonly settings: VaultSettings;
  readonly onError: (error: Error) => void;
  readonly onCall?: (call: VaultCall) => void;
  readonly onBreaker?: (transition: BreakerTransition) => void;
};

export type VaultClient = {
  /**
   * 200, 204 and 404 are answers; a bad request throws `VaultRefusal`, everything else `upstream-unavailable`.
   * @param what for errors and metrics, after "refused to": no value and no name of a tenant
   */
  readonly ask: (what: string, request: VaultRequest & { readonly isIdempotent: boolean }) => Promise<VaultAnswer>;
  /** A sign of life: it is there, unsealed, and has a token for us. */
  readonly check: () => Promise<void>;
  readonly close: () => void;
};

const ATTEMPT_MS = 1_500;
/** Of a whole call with its retries: a request of a client waits behind it. */
const CALL_MS = 4_000;
/** About as long as the breaker stays open. */
const RETRY_AFTER_SECONDS = 2;

export function openVaultClient({ settings, onError, onCall, onBreaker }: VaultClientOptions): VaultClient {
  const fault = vaultFault(settings);
  if (fault !== null) throw new RangeError(fault);
  const http = openVaultHttp(settings);
  // A server tells of its health in its root namespace alone.
  const root = openVaultHttp({ ...settings, namespace: '' });
  const tokens = openVaultTokens({ http, auth: settings.auth, onError });
  const policy = createPolicy({
    name: 'The store of secrets',
    timeoutMs: ATTEMPT_MS,
    retry: { isRetryable: isAway, maxAttempts: 3 },
    breaker: { minimumCalls: 5, failureRate: 0.5, openMs: 2_000, isFailure: isAway },
    bulkhead: { maxConcurrent: 32, maxQueued: 500 },
  });
  if (onBreaker !== undefined) policy.breaker.onTransition(onBreaker);

  const sendAs = async (token: string, request: VaultRequest, signal: AbortSignal): Promise<VaultAnswer> => {
    try {
      return await http.send(request, token, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw vaultAway(cause);
    }
  };

  const attempt = async (what: string, request: VaultRequest, signal: AbortSignal): Promise<VaultAnswer> => {
    const token = await tokens.current();
    let answer = await sendAs(token, request, signal);
    if (answer.status === 403) {
      // Revoked or over, or a right that is missing: Vault says the same of all three.
      const another = await tokens.another(token);
      if (another !== null) answer = await sendAs(another, request, signal);
    }
    if (isAwayStatus(answer.status)) throw vaultAway(new VaultRefusal(what, answer));
    if (answer.status === 403) throw vaultForbids(new VaultRefusal(what, answer));
    if (answer.status >= 400 && answer.status !== 404) throw new VaultRefusal(what, answer);
    return answer;
  };

  return {
    async ask(what, { isIdempotent, ...request }) {
      const startedMs = performance.now();
      const ended = (outcome: VaultCall['outcome']): void =>
        onCall?.({ what, durationMs: performance.now() - startedMs, outcome });
      try {
        const answer = await policy.execute(({ signal }) => attempt(what, request, signal), {
          idempotent: isIdempotent,
          deadline: deadlineAfter(CALL_MS, Date.now()),
        });
        ended('answered');
        return answer;
      } catch (error) {
        ended(isAway(error) ? 'unavailable' : 'refused');
        // A Vault that hangs is as far away as one that is gone, to whoever may go on with what was known.
        throw isAway(error) ? vaultAway(error, { retryAfterSeconds: RETRY_AFTER_SECONDS }) : error;
      }
    },
    async check() {
      const path = 'sys/health?standbyok=true&perfstandbyok=true';
      const { status, body } = await root
        .send({ method: 'GET', path }, null, AbortSignal.timeout(ATTEMPT_MS))
        .catch((cause: unknown) => {
          throw vaultAway(cause);
        });
      if (status !== 200 || member(body, 'sealed') !== false) throw vaultAway(new Error(`Its health is ${status}.`));
      await tokens.current();
      if (!tokens.isGood()) throw vaultAway(new Error('Its token could not be renewed.'));
    },
    close() {
      tokens.close();
      http.close();
      root.close();
    },
  };
}
