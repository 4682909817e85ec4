import type { Nats } from '@tenantry/events/nats.ts';

const ASK_MS = 250;

/** For how long nothing was heard of the server that pushes; asked four times a second. */
export function watchSilence({ connection }: Pick<Nats, 'connection'>) {
  let heardAtMs = performance.now();
  let isAsking = false;
  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    connection
      .rtt()
      .then(
        () => {
          heardAtMs = performance.now();
        },
        () => undefined, // not connected: the silence grows
      )
      .finally(() => {
        isAsking = false;
      });
  }, ASK_MS);
  timer.unref();
  return {
    silentForMs: (): number => performance.now() - heardAtMs,
    close: async (): Promise<void> => clearInterval(timer),
  };
}
