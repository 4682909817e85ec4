import { createMailbox } from './app.ts';
import { readConfig } from './config.ts';

const { host, port, smtpPort, snapshotPath } = readConfig(process.env);
const { app, listenSmtp } = await createMailbox(snapshotPath === undefined ? {} : { snapshotPath });

let isClosing = false;
const stop = () => {
  if (isClosing) return;
  isClosing = true;
  app.close().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error('The mailbox did not close cleanly:', error);
      process.exit(1);
    },
  );
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
// The launcher's end of the channel closes even when it is killed.
process.once('disconnect', stop);

await listenSmtp({ host, port: smtpPort });
console.log(`Mailbox on ${await app.listen({ host, port })}, SMTP on ${host}:${smtpPort}`);
