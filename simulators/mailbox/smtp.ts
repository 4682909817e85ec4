import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import type { SimulatorClock } from '../shared/clock.ts';
import { type Envelope, type Faults, takeFault } from './faults.ts';
import type { Greylist } from './greylist.ts';
import type { MessageStore } from './message-store.ts';
import { receiveMessage } from './receive-message.ts';

export type SmtpDeps = {
  readonly clock: SimulatorClock;
  readonly faults: Faults;
  readonly greylist: Greylist;
  readonly messages: MessageStore;
  readonly largestMessageBytes: number;
  readonly onChange: () => void;
};

/** As Postfix does, a refusal of a recipient says whose address it is about. */
const refusal = (responseCode: number, message: string): Error => Object.assign(new Error(message), { responseCode });
const TEMPORARY = (to: string) => refusal(451, `4.3.0 <${to}>: Requested action aborted: local error in processing`);
const PERMANENT = (to: string) => refusal(550, `5.1.1 <${to}>: Requested action not taken: mailbox unavailable`);
const GREYLISTED = (to: string) => refusal(451, `4.7.1 <${to}>: Greylisted, please try again later`);
const BROKEN = () => refusal(451, '4.3.0 Requested action aborted: local error in processing');
const TOO_LARGE = () => refusal(552, '5.3.4 Message size exceeds the limit');

/** Takes mail from anybody to anybody, with any credentials or none, in clear text: there is nobody to protect on loopback. */
export function createSmtpServer(deps: SmtpDeps): SMTPServer {
  const sockets = new Map<number, Socket>();
  const server = new SMTPServer({
    name: 'mailbox.localhost',
    size: deps.largestMessageBytes,
    authOptional: true,
    allowInsecureAuth: true,
    authMethods: ['PLAIN', 'LOGIN', 'XOAUTH2', 'CRAM-MD5'],
    // Offered with a self-signed certificate, clients would try it and fail.
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 500,
    onAuth: (_auth, _session, callback) => callback(null, { user: 'anybody' }),
    onRcptTo(recipient, session, callback) {
      const envelope = { from: senderOf(session), to: recipient.address };
      callback(refuseRecipient(deps, envelope));
    },
    onData(stream, session, callback) {
      takeMessage(deps, stream, session).then(
        (isDropped) => (isDropped ? sockets.get(session.remotePort)?.destroy() : callback(null)),
        (error: unknown) => callback(error instanceof Error ? error : BROKEN()),
      );
    },
  });
  server.server.on('connection', (socket: Socket) => {
    const port = socket.remotePort;
    if (port === undefined) return;
    sockets.set(port, socket);
    socket.once('close', () => sockets.delete(port));
  });
  // A client that breaks off is its own affair; without a listener it would end the process.
  server.on('error', (error) => console.error('SMTP:', error.message));
  return server;
}

const senderOf = ({ envelope }: SMTPServerSession): string =>
  envelope.mailFrom === false ? '' : envelope.mailFrom.address;

function refuseRecipient({ faults, greylist, clock }: SmtpDeps, envelope: Envelope): Error | null {
  if (greylist.refuses(envelope, clock.nowMs())) return GREYLISTED(envelope.to);
  const fault = takeFault(faults, 'recipient', envelope);
  if (fault?.kind === 'temporary') return TEMPORARY(envelope.to);
  return fault?.kind === 'permanent' ? PERMANENT(envelope.to) : null;
}

/** True when the message is kept and the sender is not to hear so. */
async function takeMessage(deps: SmtpDeps, stream: SMTPServerDataStream, session: SMTPServerSession): Promise<boolean> {
  const raw = await buffer(stream);
  if (stream.sizeExceeded) throw TOO_LARGE();
  const from = senderOf(session);
  const recipients = session.envelope.rcptTo.map(({ address }) => address);
  let isDropped = false;
  for (const to of recipients) {
    const fault = takeFault(deps.faults, 'data', { from, to });
    if (fault?.kind === 'temporary') throw TEMPORARY(to);
    if (fault?.kind === 'permanent') throw PERMANENT(to);
    if (fault?.kind === 'delay') await deps.clock.wait(fault.delayMs);
    if (fault?.kind === 'drop-after-data') isDropped = true;
  }
  const received = await receiveMessage({ raw, from, recipients, receivedAtMs: deps.clock.nowMs() });
  for (const message of received) deps.messages.add(message);
  deps.onChange();
  return isDropped;
}
