import type { Principal } from '@tenantry/auth/principal.ts';
import type { Page } from '@tenantry/contract/schemas.ts';
import { Versioned } from '@tenantry/kit/http/route.ts';
import * as routes from '../contract/routes.ts';
import * as upstreams from '../contract/upstreams.ts';
import type { Route } from '../edge/exchange.ts';
import { type AnswerOnce, type OwnCall, ownEndpoint } from '../own/own-endpoint.ts';
import { type Registered, type RouteRecord, toView, type UpstreamRecord } from './records.ts';
import type { Registrations } from './registrations.ts';
import type { UpstreamHealth } from './upstream-health.ts';

export type ProductRegistrations = {
  readonly viewOf: (record: UpstreamRecord) => upstreams.UpstreamViewBody;
  readonly healthOf: (record: UpstreamRecord) => UpstreamHealth;
  readonly upstreams: Registrations<upstreams.UpstreamInput, UpstreamRecord>;
  readonly routes: Registrations<routes.RouteInput, RouteRecord>;
};

const who = ({ principal }: Pick<OwnCall<unknown>, 'principal'>): Principal => {
  if (principal === null) throw new Error('Registrations are for principals.');
  return principal;
};

const toViews = <Record extends Registered>({ data, nextCursor }: Page<Record>) => ({
  data: data.map(toView),
  nextCursor,
});

const shown = <Record extends Registered>(record: Record) => new Versioned(toView(record), record.version);

/** `/v1/upstreams` and `/v1/routes`, as the gateway answers them. */
export const productEndpoints = (products: ProductRegistrations, answerOnce: AnswerOnce): readonly Route[] => {
  const shownUpstream = (record: UpstreamRecord) => new Versioned(products.viewOf(record), record.version);
  return [
    ownEndpoint(upstreams.listUpstreams, async (call) => {
      const { data, nextCursor } = products.upstreams.list(who(call), call.query);
      return { data: data.map(products.viewOf), nextCursor };
    }),
    ownEndpoint(
      upstreams.createUpstream,
      async (call) => shownUpstream(await products.upstreams.create(who(call), call.body, call.resourceUuid)),
      answerOnce,
    ),
    ownEndpoint(upstreams.readUpstream, async (call) =>
      shownUpstream(await products.upstreams.read(who(call), call.params.upstreamId)),
    ),
    ownEndpoint(upstreams.readUpstreamHealth, async (call) =>
      products.healthOf(await products.upstreams.read(who(call), call.params.upstreamId)),
    ),
    ownEndpoint(upstreams.replaceUpstream, async (call) =>
      shownUpstream(
        await products.upstreams.replace(who(call), call.params.upstreamId, call.body, call.ifMatchVersion),
      ),
    ),
    ownEndpoint(upstreams.deleteUpstream, async (call) => {
      await products.upstreams.remove(who(call), call.params.upstreamId, call.ifMatchVersion);
      return undefined;
    }),
    ownEndpoint(routes.listRoutes, async (call) => toViews(products.routes.list(who(call), call.query))),
    ownEndpoint(
      routes.createRoute,
      async (call) => shown(await products.routes.create(who(call), call.body, call.resourceUuid)),
      answerOnce,
    ),
    ownEndpoint(routes.readRoute, async (call) => shown(await products.routes.read(who(call), call.params.routeId))),
    ownEndpoint(routes.replaceRoute, async (call) =>
      shown(await products.routes.replace(who(call), call.params.routeId, call.body, call.ifMatchVersion)),
    ),
    ownEndpoint(routes.deleteRoute, async (call) => {
      await products.routes.remove(who(call), call.params.routeId, call.ifMatchVersion);
      return undefined;
    }),
  ];
};
