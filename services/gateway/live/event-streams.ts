import type { Exchange } from '../edge/exchange.ts';
import type { LiveSessions } from './live-sessions.ts';

/**
 * Ends an event stream with its token, and when the gateway closes. It ends as if there were no more events: a client of
 * event streams then comes back by itself (WHATWG HTML §9.2), and is told what is the matter, or finds another gateway.
 */
export const endWithSession =
  (sessions: LiveSessions) =>
  (exchange: Exchange): void => {
    const { response, verified } = exchange;
    const forget = sessions.watch(verified, () => {
      exchange.onOver?.(); // first, as nothing may be written after the end
      response.end();
    });
    response.once('close', forget);
    response.socket?.setTimeout(0); // it may be silent for as long as it likes
  };
