import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { matchesFault } from '../faults.ts';
import type { Simulator } from '../simulator.ts';
import { answerWithFault } from './answer-with-fault.ts';
import { authenticate } from './authenticate.ts';
import { callMethod, type Envelope, refuse } from './call-method.ts';
import { BotApiError } from './errors.ts';
import { readParameters } from './read-parameters.ts';

/** A document of 50 MB and its multipart frame. */
const LARGEST_REQUEST_BYTES = 52 * 1024 * 1024;

/** Everything under /bot and /file: what api.telegram.org serves. */
export const botApiRoutes =
  (simulator: Simulator) =>
  async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser<Buffer>(
      '*',
      { parseAs: 'buffer', bodyLimit: LARGEST_REQUEST_BYTES },
      async (_: unknown, body: Buffer) => body,
    );
    app.setErrorHandler((error, _request, reply) => {
      const isTooLarge = error instanceof Error && 'statusCode' in error && error.statusCode === 413;
      const known = isTooLarge ? new BotApiError(413, 'Request Entity Too Large') : error;
      if (known instanceof BotApiError) return sendEnvelope(reply, refuse(known));
      console.error('A Bot API call failed inside the simulator:', error);
      return sendEnvelope(reply, { ok: false, error_code: 500, description: 'Internal Server Error' });
    });
    app.route({
      method: ['GET', 'POST'],
      url: '/bot*',
      bodyLimit: LARGEST_REQUEST_BYTES,
      handler: (request, reply) => answerCall(simulator, request, reply),
    });
    app.get('/file/bot*', (request, reply) => download(simulator, request, reply));
  };

async function answerCall(simulator: Simulator, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { token, rest, query } = readPath(request, '/bot');
  // Test data centre: /bot<token>/test/<method>.
  const method = rest.replace(/^test\//i, '');
  if (method === '') throw new BotApiError(404, 'Not Found');
  const body = Buffer.isBuffer(request.body) ? request.body : undefined;
  const parameters = await readParameters(query, request.headers['content-type'] ?? '', body);
  const bot = authenticate(simulator, token, request.ip);
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const run = () => callMethod(simulator, bot, method, parameters, gone.signal);

  const chatId = parameters.has('chat_id') ? parameters.text('chat_id') : undefined;
  const subject = { token, botId: bot.id, method, chatId };
  const fault = simulator.faults.takeFirst((match) => matchesFault(match, subject));
  const envelope =
    fault === undefined ? await run() : await answerWithFault(fault, { reply, clock: simulator.clock, run });
  return envelope === undefined ? reply : sendEnvelope(reply, envelope);
}

async function download(simulator: Simulator, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { token, rest } = readPath(request, '/file/bot');
  const bot = authenticate(simulator, token, request.ip);
  const file = simulator.world.files.findByPath(rest, bot.id);
  const content = file && simulator.world.files.content(file);
  if (content === undefined) throw new BotApiError(404, 'Not Found');
  return reply.type('application/octet-stream').send(content);
}

/** Read from the raw address: a token must not be limited or decoded by the router's rules for parameters. */
function readPath(request: FastifyRequest, prefix: string): { token: string; rest: string; query: string } {
  const [path = '', query = ''] = (request.raw.url ?? '').split(/\?(.*)/s, 2);
  const [token = '', ...rest] = path.slice(prefix.length).split('/');
  return { token: decode(token), rest: decode(rest.join('/')), query };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function sendEnvelope(reply: FastifyReply, envelope: Envelope): FastifyReply {
  if (envelope.ok) return reply.code(200).send(envelope);
  const retryAfter = envelope.parameters?.retry_after;
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
  return reply.code(envelope.error_code).send(envelope);
}
