import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { request } from '@tenantry/deploy/demo/api.ts';

/** `status` 0: no answer, the connection was lost. */
export type UseAnswer = { readonly status: number; readonly retryAfter: string | null; readonly text: string };

export type UseLoad = {
  /** Uses that were counted so far, as the answers say. */
  readonly counted: () => number;
  /** Begins nothing more; resolves when every use that was begun has been counted, with all answers that were no 200. */
  readonly end: () => Promise<readonly UseAnswer[]>;
};

const REPEAT_MS = 250;
const PATIENCE_MS = 60_000;

/**
 * A client that uses up some of a quota at a steady pace, whatever becomes of the uses before. It repeats each with its
 * Idempotency-Key until it is told that it was counted, as it would have to.
 */
export function openUseLoad(options: {
  readonly gateway: string;
  readonly token: string;
  readonly perSecond: number;
}): UseLoad {
  const others: UseAnswer[] = [];
  const underWay = new Set<Promise<void>>();
  let counted = 0;

  const useOnce = async (key: string): Promise<UseAnswer> => {
    try {
      const url = `${options.gateway}/v1/entitlements/api-calls/consume`;
      const { token } = options;
      const { status, headers, body } = await request(url, 'POST', {
        token,
        headers: { 'idempotency-key': key },
        body: { amount: 1 },
      });
      return { status, retryAfter: headers.get('retry-after'), text: JSON.stringify(body).slice(0, 300) };
    } catch (error) {
      return { status: 0, retryAfter: null, text: String(error) };
    }
  };
  const use = async (): Promise<void> => {
    const key = randomUUID();
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await useOnce(key);
      if (answer.status === 200) {
        counted++;
        return;
      }
      others.push(answer);
      if (Date.now() > deadline) throw new Error(`A use was never counted: ${JSON.stringify(answer)}`);
      await pause(REPEAT_MS);
    }
  };
  const timer = setInterval(() => {
    const one = use();
    underWay.add(one);
    one.then(
      () => underWay.delete(one),
      () => undefined, // told by `end`
    );
  }, 1_000 / options.perSecond);
  return {
    counted: () => counted,
    async end() {
      clearInterval(timer);
      await Promise.all(underWay);
      return others;
    },
  };
}
