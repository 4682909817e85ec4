import { Agent, request } from 'undici';

export type SteadyLoad = {
  readonly sent: () => number;
  /** Requests that took longer than this, so far. */
  readonly slowerThan: (ms: number) => number;
  /** Waits for what is under way; resolves with what went wrong. */
  readonly end: () => Promise<string[]>;
};

/**
 * The same GET again and again at a steady rate, whatever becomes of the ones before (an open loop), on kept-alive
 * connections. Nothing is sent twice: a request that is lost shows.
 */
export function openSteadyLoad(options: {
  readonly url: string;
  readonly token: string;
  readonly perSecond: number;
  readonly connections?: number;
}): SteadyLoad {
  const dispatcher = new Agent({ connections: options.connections ?? 50, pipelining: 1 });
  const headers = { authorization: `Bearer ${options.token}` };
  const failures: string[] = [];
  const durationsMs: number[] = [];
  const underWay = new Set<Promise<void>>();
  const startedAtMs = performance.now();
  let sent = 0;

  const sendOne = async (): Promise<void> => {
    const sentAtMs = performance.now();
    try {
      const { statusCode, body } = await request(options.url, { dispatcher, headers });
      const text = await body.text();
      if (statusCode !== 200) failures.push(`${statusCode} ${text.slice(0, 300)}`);
    } catch (error) {
      failures.push(String(error));
    }
    durationsMs.push(performance.now() - sentAtMs);
  };
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAtMs) * options.perSecond) / 1_000);
    for (; sent < due; sent++) {
      const one = sendOne();
      underWay.add(one);
      void one.then(() => underWay.delete(one));
    }
  }, 5);
  return {
    sent: () => sent,
    slowerThan: (ms) => durationsMs.filter((durationMs) => durationMs > ms).length,
    async end() {
      clearInterval(timer);
      await Promise.all(underWay);
      await dispatcher.close();
      return failures;
    },
  };
}
