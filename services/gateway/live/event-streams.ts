import type { Exchange, Step } from '../edge/exchange.ts';
import type { LiveConnections } from './live-connections.ts';
import type { LiveSessions } from './live-sessions.ts';

export type EventStreams = {
  /** Takes a place for one, once; fails with the refusal. */
  readonly enter: Step;
  /** The same, for a request that will be answered by nothing else. */
  readonly enterAnnounced: Step;
  /** Its first byte goes out. */
  readonly begin: (exchange: Exchange) => void;
};

/**
 * Event streams: a place for each among what stays open, and an end with its token, and when the gateway closes. It ends
 * as if there were no more events: a client of event streams then comes back by itself (WHATWG HTML §9.2), and is told
 * what is the matter, or finds another gateway.
 */
export function createEventStreams({
  live,
  sessions,
}: {
  readonly live: LiveConnections;
  readonly sessions: LiveSessions;
}): EventStreams {
  const takePlace = async (exchange: Exchange): Promise<void> => {
    const leave = await live.enter('event-stream', exchange);
    exchange.eventStreamPlace = 'held';
    if (exchange.isOver) leave();
    else exchange.response.once('close', leave);
  };

  const enter = (exchange: Exchange): void | Promise<void> => {
    if (exchange.eventStreamPlace === 'held') return;
    // Where the first instance broke off, a second one may answer while the place is still being asked for.
    exchange.eventStreamPlace ??= takePlace(exchange);
    return exchange.eventStreamPlace;
  };

  return {
    enter,
    // Whoever takes other answers too gets most of them as ordinary ones, which need no place.
    enterAnnounced: (exchange) => (exchange.head?.acceptsOnlyEvents === true ? enter(exchange) : undefined),
    begin: (exchange) => {
      const { response, verified } = exchange;
      const end = (): void => {
        exchange.onOver?.(exchange); // first, as nothing may be written after the end
        response.end();
      };
      response.once('close', sessions.watch(verified, end));
      // Who began without asking is counted too.
      enter(exchange)?.catch(end);
      response.socket?.setTimeout(0); // it may be silent for as long as it likes
    },
  };
}
