import type { Nats } from '@tenantry/events/nats.ts';

export type Link = {
  readonly isUp: () => boolean;
  /** Told after an interruption, with its length. */
  readonly onReturn: (listener: (absentMs: number) => void) => void;
};

/** Whether this process can hear NATS, and through it the other hubs. */
export function watchLink(nats: Nats): Link {
  let lostAtMs: number | null = null;
  const listeners: ((absentMs: number) => void)[] = [];
  void (async () => {
    for await (const status of nats.connection.status()) {
      if (status.type === 'disconnect') lostAtMs ??= performance.now();
      if (status.type !== 'reconnect') continue;
      const absentMs = lostAtMs === null ? 0 : performance.now() - lostAtMs;
      lostAtMs = null;
      for (const listener of listeners) listener(absentMs);
    }
  })();
  return { isUp: () => lostAtMs === null, onReturn: (listener) => void listeners.push(listener) };
}
