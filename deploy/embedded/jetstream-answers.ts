import { connect } from 'node:net';

const ANSWER_MS = 2_000;
const INBOX = 'tenantry.is-jetstream-well';

/**
 * Whether JetStream answers a question (NATS protocol and JetStream API, docs.nats.io). A nats-server that has met a full
 * disk greets and pings as ever; its JetStream is silent until the server is started again, also when there is room.
 */
export function jetStreamAnswers(port: number, token: string | undefined): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host: '127.0.0.1' });
  const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
  let heard = '';
  socket.once('connect', () => {
    const who = JSON.stringify({ verbose: false, ...(token === undefined ? {} : { auth_token: token }) });
    socket.write(`CONNECT ${who}\r\nSUB ${INBOX} 1\r\nPUB $JS.API.INFO ${INBOX} 0\r\n\r\n`);
  });
  socket.on('data', (bytes) => {
    heard += bytes.toString('latin1');
    const answer = /^MSG \S+ 1 \d+\r\n(.*)\r\n/m.exec(heard)?.[1];
    if (answer === undefined) return;
    resolve(!answer.includes('"error"'));
    socket.destroy();
  });
  socket.on('error', () => undefined);
  socket.once('close', () => {
    clearTimeout(timer);
    resolve(false);
  });
  return promise;
}
