import { once } from 'node:events';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { createMailboxClock } from './clock.ts';
import { FaultScript } from './fault-script.ts';
import { type MailboxSnapshot, MessageStore } from './message-store.ts';
import { MailboxProblem, renderError, sendProblem } from './problem.ts';
import { mailboxRoutes } from './routes.ts';
import { createSmtpServer } from './smtp.ts';
import { openSnapshotFile, readSnapshotFile } from './snapshot-file.ts';

export type MailboxOptions = {
  /** Where messages are kept between runs; without it they are forgotten. */
  readonly snapshotPath?: string;
  readonly largestMessageBytes?: number;
};

export type Mailbox = {
  /** The HTTP side; closing it closes SMTP too and writes the snapshot. */
  readonly app: FastifyInstance;
  /** Resolves with the port. */
  readonly listenSmtp: (address: { host: string; port: number }) => Promise<number>;
};

const LARGEST_MESSAGE_BYTES = 10 * 1024 * 1024;

export async function createMailbox(options: MailboxOptions = {}): Promise<Mailbox> {
  const { snapshotPath } = options;
  const saved = snapshotPath === undefined ? undefined : await readSnapshotFile(snapshotPath);
  const clock = createMailboxClock(isSnapshot(saved) ? saved.clockOffsetMs : 0);
  const messages = new MessageStore();
  if (isSnapshot(saved)) messages.restore(saved);
  const file =
    snapshotPath === undefined ? undefined : openSnapshotFile(snapshotPath, () => messages.snapshot(clock.offsetMs()));
  const faults = new FaultScript();
  const smtp = createSmtpServer({
    clock,
    faults,
    messages,
    largestMessageBytes: options.largestMessageBytes ?? LARGEST_MESSAGE_BYTES,
    onChange: () => file?.markDirty(),
  });
  const smtpPort = () => {
    const address = smtp.server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  };

  const app = Fastify({
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, allowUnionTypes: true } },
  });
  app.setErrorHandler<FastifyError | MailboxProblem>(renderError);
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, new MailboxProblem(404, 'not-found', 'Not found', 'GET / lists what this mailbox does.')),
  );
  app.addHook('onResponse', async (request) => {
    if (request.method !== 'GET') file?.markDirty();
  });
  app.addHook('onClose', async () => {
    clock.stop();
    if (smtpPort() !== undefined) await new Promise<void>((resolve) => smtp.close(resolve));
    await file?.flush();
  });
  await app.register(mailboxRoutes({ clock, faults, messages, smtpPort }));

  return {
    app,
    async listenSmtp({ host, port }) {
      const server = smtp.listen(port, host);
      await once(server, 'listening');
      return smtpPort() ?? port;
    },
  };
}

const isSnapshot = (value: unknown): value is MailboxSnapshot =>
  typeof value === 'object' && value !== null && 'version' in value && value.version === 1;
