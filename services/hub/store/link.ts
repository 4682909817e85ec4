import type { Nats } from '@tenantry/events/nats.ts';

export type Link = {
  readonly isUp: () => boolean;
  /** Given up for good: this process will not be let in again. */
  readonly isClosed: () => boolean;
  /** Told after an interruption, with its length; the time before a late first connection is one. */
  readonly onReturn: (listener: (absentMs: number) => void) => void;
};

/** Whether this process can hear NATS, and through it the other hubs. */
export function watchLink(nats: Nats, monotonicMs: () => number): Link {
  let lostAtMs: number | null = nats.isConnected() ? null : monotonicMs();
  let isClosed = false;
  const listeners: ((absentMs: number) => void)[] = [];
  const comeBack = (): void => {
    const absentMs = lostAtMs === null ? 0 : monotonicMs() - lostAtMs;
    lostAtMs = null;
    for (const listener of listeners) listener(absentMs);
  };
  void (async () => {
    await nats.connected;
    if (lostAtMs !== null) comeBack();
    for await (const status of nats.connection.status()) {
      if (status.type === 'disconnect') lostAtMs ??= monotonicMs();
      if (status.type === 'reconnect') comeBack();
    }
    isClosed = true;
    lostAtMs ??= monotonicMs();
  })();
  return {
    isUp: () => lostAtMs === null,
    isClosed: () => isClosed,
    onReturn: (listener) => void listeners.push(listener),
  };
}
