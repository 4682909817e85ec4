import type { FastifyReply } from 'fastify';
import type { SimulatorClock } from '../../shared/clock.ts';
import type { Fault } from '../faults.ts';
import type { Envelope } from './call-method.ts';
import { BotApiError, tooManyRequests } from './errors.ts';

/** What a gateway in front of the real server answers when it is down: a page, not an envelope. */
const BAD_GATEWAY_PAGE =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<h1>502 Bad Gateway</h1>\r\n</body>\r\n</html>\r\n';

export type FaultedCall = {
  readonly reply: FastifyReply;
  readonly clock: SimulatorClock;
  readonly run: () => Promise<Envelope>;
};

/** The envelope to answer with, or undefined when the reply has been dealt with here. */
export async function answerWithFault(fault: Fault, { reply, clock, run }: FaultedCall): Promise<Envelope | undefined> {
  switch (fault.kind) {
    case '429':
      throw tooManyRequests(fault.retry_after);
    case '500':
      throw new BotApiError(500, 'Internal Server Error: restart');
    case 'error':
      throw new BotApiError(fault.error_code, fault.description);
    case '502-html':
      reply.code(502).type('text/html').send(BAD_GATEWAY_PAGE);
      return undefined;
    case 'delay':
      await clock.wait(fault.delayMs);
      return run();
    case 'timeout-after-success':
      await run();
      reply.hijack();
      return undefined;
    case 'hang':
      reply.hijack();
      return undefined;
    case 'reset':
      reply.hijack();
      reply.raw.socket?.resetAndDestroy();
      return undefined;
  }
}
