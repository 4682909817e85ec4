import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import type { Route } from '../edge/exchange.ts';
import { RouteState } from './route-state.ts';

/** What a service answers. Of many thousand routes most are never asked for, so what requests need is made with the first one. */
export class ServiceRoute implements Route {
  readonly service: string;
  readonly answer = null;
  readonly isOperational = false;
  readonly streamsBody: boolean;
  readonly webSocket: boolean;
  #endpoint: EndpointRecord;
  #state: RouteState | null = null;

  constructor(service: string, endpoint: EndpointRecord) {
    this.service = service;
    this.#endpoint = endpoint;
    this.streamsBody = endpoint.streamsBody === true;
    this.webSocket = endpoint.webSocket === true;
  }

  get endpoint(): EndpointRecord {
    return this.#endpoint;
  }

  get state(): RouteState {
    this.#state ??= new RouteState(this.#endpoint);
    return this.#state;
  }

  /** Whether this endpoint is the same as the route's own. Then the older one is not kept beside it. */
  takes(endpoint: EndpointRecord): boolean {
    if (endpoint === this.#endpoint) return true;
    if (JSON.stringify(endpoint) !== JSON.stringify(this.#endpoint)) return false;
    this.#endpoint = endpoint;
    return true;
  }
}
