import type { QueryOf } from '@tenantry/contract/endpoint.ts';
import { type FeedPosition, readPosition } from '@tenantry/events/feed-position.ts';
import type { Nats } from '@tenantry/events/nats.ts';
import { openTenantFeed, type TenantFeed } from '@tenantry/events/tenant-feed.ts';
import { upstreamUnavailable, validationFailed } from '@tenantry/kernel/problems.ts';
import { compileInput } from '@tenantry/kit/http/validation.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import { toEndpointRecords } from '@tenantry/mesh/registry.ts';
import { followEvents } from '../contract/event-feed.ts';
import { SECURITY_HEADERS } from '../edge/answer-headers.ts';
import type { Exchange, Route } from '../edge/exchange.ts';
import { headerOf, readQuery } from '../own/own-endpoint.ts';
import { feedPositionGone } from '../problems.ts';
import { RouteState } from '../routing/route-state.ts';
import { EventStream } from './event-stream.ts';

export type EventFeedOptions = {
  readonly nats: Nats;
  readonly heartbeatMs: number;
  readonly logger: Logger;
};

/** A quiet tenant's position has to keep up with what the streams forget, which takes them days. */
const ADVANCE_EVERY_BEATS = 20;

const HEADERS: readonly string[] = [
  ...['content-type', 'text/event-stream; charset=utf-8'],
  // Proxies that gather answers before they pass them on know this one.
  ...['x-accel-buffering', 'no'],
  ...SECURITY_HEADERS,
];

/** `GET /v1/events`: the tenant's own events, for as long as its session lasts. */
export function eventFeedRoute(options: EventFeedOptions): Route {
  const [record] = toEndpointRecords([followEvents], 'gateway');
  if (record === undefined) throw new Error('The feed cannot be routed.');
  const checkQuery = compileInput(followEvents.query, 'query');

  return {
    service: 'gateway',
    endpoint: record,
    state: new RouteState(record),
    isOperational: false,
    async answer(exchange) {
      const { response, request, verified } = exchange;
      if (verified === null) throw new Error('The feed is for principals.');
      const { type = null, lastEventId } = checkQuery(readQuery(exchange.target.query)) as QueryOf<typeof followEvents>;
      const from = readLastEventId(headerOf(exchange, 'last-event-id') ?? lastEventId);
      await exchange.enterEventStream?.(exchange); // refused before anything is opened for it
      const stream = new EventStream(response);
      const feed = await openTenantFeed(options.nats, {
        tenantId: verified.claims.tenantId,
        from,
        type,
        onEvent: (event, position) => stream.tell(event, position),
        onEnd: (error) => {
          options.logger.warn({ err: error }, 'a feed of events ends; its client comes back');
          response.end();
        },
      }).catch((cause: unknown) => {
        throw upstreamUnavailable('Events cannot be followed right now. Try again shortly.', {
          cause,
          retryAfterSeconds: 1,
        });
      });
      if (feed === null)
        throw feedPositionGone(
          'Events after this Last-Event-ID are no longer kept, so some would be missing. Read what you need from the API, then follow the feed without Last-Event-ID.',
        );
      if (exchange.isOver) return feed.close();
      response.writeHead(200, [...exchange.answerHeaders, ...HEADERS]);
      if (request.method === 'HEAD') {
        response.end();
        return feed.close();
      }
      keepAlive(exchange, feed, stream, options);
      stream.begin(feed.position());
      feed.start();
    },
  };
}

/** Until the client leaves, its token ends or this gateway closes. */
function keepAlive(exchange: Exchange, feed: TenantFeed, stream: EventStream, options: EventFeedOptions): void {
  let beats = 0;
  const timer = setInterval(() => {
    stream.beat(feed.position());
    if (++beats % ADVANCE_EVERY_BEATS !== 0) return;
    feed.advance().catch((error: unknown) => options.logger.debug({ err: error }, 'a quiet feed stays where it is'));
  }, options.heartbeatMs);
  exchange.onOver = () => {
    clearInterval(timer);
    void feed.close();
  };
  exchange.onEventStream?.(exchange);
}

function readLastEventId(text: string | undefined): FeedPosition | null {
  if (text === undefined || text === '') return null;
  const position = readPosition(text);
  if (position !== null) return position;
  throw validationFailed('This Last-Event-ID is not one that this feed gave out. Leave it away to begin now.', {
    errors: [{ path: 'header.last-event-id', message: 'must be the id of an event of this feed' }],
  });
}
