import type { FastifyInstance } from 'fastify';

/** Closes the app, and then the process, on SIGTERM, SIGINT, and when the channel to the parent closes. */
export function closeWithParent(app: FastifyInstance): void {
  let isClosing = false;
  const stop = (): void => {
    if (isClosing) return;
    isClosing = true;
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error('The simulator did not close cleanly:', error);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // The launcher's end of the channel closes even when it is killed.
  process.once('disconnect', stop);
}
