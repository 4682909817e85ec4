import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { type EndpointRecord, toEndpointRecords } from '@tenantry/mesh/registry.ts';
import { readSystemHealthEndpoint } from '../contract/health.ts';
import { SECURITY_HEADERS } from '../edge/answer-headers.ts';
import type { Exchange, Route } from '../edge/exchange.ts';
import { sendJson, sendWhole } from '../edge/send.ts';
import { RouteState } from '../routing/route-state.ts';

type Answer = (exchange: Exchange) => void | Promise<void>;

export type OwnAnswers = {
  readonly isReady: () => boolean;
  /** What people should know: a sentence per dependency that is down. */
  readonly degradedModes: () => readonly string[];
  /** Required services that have not been ready yet; `nats` while nothing has been told of services and keys. */
  readonly missing: () => readonly string[];
  readonly metrics: { readonly contentType: string; readonly read: () => Promise<string> };
  readonly systemHealth: Answer;
  readonly apiDescription: Answer;
  readonly documentation: { readonly redirect: Answer; readonly page: Answer; readonly asset: Answer };
};

/** Paths for whoever runs the system or reads about it; they are no part of the API that they describe. */
function operational(path: string, answer: Answer): Route {
  const endpoint: EndpointRecord = {
    name: `gateway.${path}`,
    method: 'GET',
    path,
    access: 'public',
    permission: null,
    reach: null,
    idempotency: false,
    rateLimit: null,
    maxBodyBytes: 0,
    openapi: { path, method: 'get', operation: {} },
  };
  return { service: 'gateway', endpoint, state: new RouteState(endpoint), answer, isOperational: true };
}

const guarded = (endpoint: Endpoint, answer: Answer): Route => {
  const [record] = toEndpointRecords([endpoint], 'gateway');
  if (record === undefined) throw new Error(`${endpoint.name} is for services and cannot be routed.`);
  return { service: 'gateway', endpoint: record, state: new RouteState(record), answer, isOperational: false };
};

/** What the gateway answers itself. `answers` is asked for late, as some of it hangs on the routes. */
export const ownRoutes = (answers: () => OwnAnswers): readonly Route[] => [
  guarded(readSystemHealthEndpoint as Endpoint, (exchange) => answers().systemHealth(exchange)),
  operational('/health/live', (exchange) => sendJson(exchange, 200, { status: 'live' })),
  operational('/health/ready', (exchange) => {
    const { isReady, missing, degradedModes } = answers();
    const modes = degradedModes();
    if (isReady())
      sendJson(exchange, 200, modes.length === 0 ? { status: 'ready' } : { status: 'degraded', degradedModes: modes });
    else
      sendJson(exchange, 503, {
        status: 'starting',
        waitingFor: missing(),
        ...(modes.length === 0 ? {} : { degradedModes: modes }),
      });
  }),
  operational('/metrics', async (exchange) => {
    const { contentType, read } = answers().metrics;
    sendWhole(exchange, 200, ['content-type', contentType, ...SECURITY_HEADERS], await read());
  }),
  operational('/openapi.json', (exchange) => answers().apiDescription(exchange)),
  operational('/docs', (exchange) => answers().documentation.redirect(exchange)),
  operational('/docs/', (exchange) => answers().documentation.page(exchange)),
  operational('/docs/:file', (exchange) => answers().documentation.asset(exchange)),
];
