import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Tracer } from '@tenantry/kernel/tracing/tracer.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import type { Verified } from '../access/verified.ts';
import type { Holder } from '../overload/fair-share.ts';
import type { RouteState } from '../routing/route-state.ts';
import type { AttemptNote } from '../traces/attempt.ts';
import type { Destination } from '../websocket/destination.ts';
import type { RequestHead } from './request-head.ts';
import type { Listed } from './roll.ts';
import type { Target } from './target.ts';
import type { Upload } from './upload.ts';

/** Where a request goes. It stands beside the exchange because each names the other. */
export type Route = {
  /** Who answers: a service's name, or `gateway` for what is answered here. */
  readonly service: string;
  readonly endpoint: EndpointRecord;
  readonly state: RouteState;
  /** Null for what a service answers. */
  readonly answer: Step | null;
  /** Health, metrics and the documentation: no token, no rate limit, no line in the access log. */
  readonly isOperational: boolean;
  /** Long bodies go on as they come, instead of being held until they are whole. False unless said. */
  readonly streamsBody?: boolean;
  /** Taken as a WebSocket: of ours as nothing else, of a product too. False unless said. */
  readonly webSocket?: boolean;
  /** Where a WebSocket goes, once whoever opens it may; a service of ours where this is not said. */
  readonly webSocketTo?: (exchange: Exchange) => Destination | Promise<Destination>;
};

/** A request that was let in to the services, and who pays for its place. */
export type Stay = Listed & { readonly exchange: Exchange; readonly holder: Holder; readonly enteredAtMs: number };

/** One request and its answer on their way through the gateway; each step adds what it has found out. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  clientAddress: string;
  readonly startedAtMs: number;
  /** Wall clock; after it nobody waits for the answer. Runs from when the request is whole: uploads have a limit of their own. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** Ours: a new hop of the client's trace. */
  traceparent = '';
  target: Target = { path: '/', query: '' };
  head: RequestHead | null = null;
  route: Route | null = null;
  /** What stood for the parameters of a product's route, decoded. */
  pathParameters: Readonly<Record<string, string>> = {};
  verified: Verified | null = null;
  /** Whole, or still arriving. */
  body: Buffer | Upload | null = null;
  /** Which instance answered, for the access log. */
  instanceId: string | null = null;
  /** Those worth a span; see traces/. */
  attempts: AttemptNote[] | null = null;
  /** Of what the gateway does for it; null where nobody listens. */
  tracer: Tracer | null = null;
  /** Names and values in turn that every answer to this request carries. */
  readonly answerHeaders: string[] = [];
  /** Among those whose pace is watched. */
  place = -1;
  /** Where and since when it is under way with the services. */
  stay: Stay | null = null;
  /** The client went away, or has its whole answer. */
  isOver = false;
  /** It has become a WebSocket: an answer does not follow. */
  isUpgraded = false;
  /** Stops what is being done for a client that left. */
  onOver: ((exchange: Exchange) => void) | null = null;
  /** Of what forwards it; see forwarding.ts. -1: nobody does. */
  forwardingSlot = -1;
  /** Stops waiting for the rest of a body that takes too long. */
  onLate: ((error: Error) => void) | null = null;
  /** Called when the answer turns out to be a stream of events, which ends only when somebody ends it. */
  onEventStream: ((exchange: Exchange) => void) | null = null;
  /** Asked before that: whether there is a place for it. Fails with the refusal. */
  enterEventStream: Step | null = null;
  /** Its place among the event streams: asked for, or taken until its connection closes. */
  eventStreamPlace: Promise<void> | 'held' | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, clientAddress: string) {
    this.request = request;
    this.response = response;
    this.clientAddress = clientAddress;
    this.startedAtMs = performance.now();
  }
}

/** A step of the path: throws a Problem to refuse, returns a promise only when something has to be waited for. */
export type Step = (exchange: Exchange) => void | Promise<void>;

/** Runs the steps without leaving the event-loop turn as long as none of them has to wait. */
export function runSteps(steps: readonly Step[], exchange: Exchange, fail: (error: unknown) => void, from = 0): void {
  try {
    for (let i = from; i < steps.length; i++) {
      if (exchange.isOver) return;
      const waiting = steps[i]?.(exchange);
      if (waiting !== undefined) {
        waiting.then(() => runSteps(steps, exchange, fail, i + 1), fail);
        return;
      }
    }
  } catch (error) {
    fail(error);
  }
}
