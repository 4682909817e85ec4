import { once } from 'node:events';
import Fastify, { type FastifyInstance } from 'fastify';
import { SimulatorClock } from '../shared/clock.ts';
import { FaultScript } from '../shared/fault-script.ts';
import { answerProblems, ControlProblem, sendProblem } from '../shared/problem.ts';
import { StateFile } from '../shared/state-file.ts';
import type { Faults } from './faults.ts';
import { Greylist } from './greylist.ts';
import { MessageStore } from './message-store.ts';
import { mailboxRoutes } from './routes.ts';
import { createSmtpServer } from './smtp.ts';

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
  const messages = new MessageStore();
  const file =
    snapshotPath === undefined ? undefined : new StateFile(snapshotPath, () => messages.snapshot(clock.offsetMs));
  const saved = file?.load(1);
  if (saved !== undefined) messages.restore(saved);
  const clock = new SimulatorClock({ offsetMs: saved?.clockOffsetMs });
  const faults: Faults = new FaultScript();
  const smtp = createSmtpServer({
    clock,
    faults,
    greylist: new Greylist(faults),
    messages,
    largestMessageBytes: options.largestMessageBytes ?? LARGEST_MESSAGE_BYTES,
    onChange: () => file?.touch(),
  });
  const smtpPort = () => {
    const address = smtp.server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  };

  const app = Fastify({
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, allowUnionTypes: true, discriminator: true } },
  });
  answerProblems(app);
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, new ControlProblem(404, 'not-found', 'GET / lists what this mailbox does.')),
  );
  app.addHook('onResponse', async (request) => {
    if (request.method !== 'GET') file?.touch();
  });
  app.addHook('onClose', async () => {
    clock.stop();
    if (smtpPort() !== undefined) await new Promise<void>((resolve) => smtp.close(resolve));
    await file?.close();
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
