import type { Permission } from '@tenantry/contract/endpoint.ts';
import type { Logger } from '@tenantry/kit/logger.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import { PRODUCT_PREFIX } from '../contract/routes.ts';
import type { Route } from '../edge/exchange.ts';
import { RouteState } from '../routing/route-state.ts';
import { type CompiledTransform, compileTransform } from '../transform/compile-transform.ts';
import { findTransformFaults } from '../transform/find-faults.ts';
import type { ToProduct } from './forward-to-product.ts';
import type { RouteRecord } from './records.ts';

/** In metrics and logs all products are one route: thousands of patterns of tenants' own would flood both. */
const SHOWN_PATH = `${PRODUCT_PREFIX}/*`;

/** One for all routes that change nothing. */
const UNCHANGED = compileTransform({}, { path: SHOWN_PATH, isPublic: true });

/** A registered route as the gateway's pipeline takes it; null, and a line in the log, for one that cannot be right. */
export const compileProduct =
  (forward: (record: RouteRecord, transform: CompiledTransform) => ToProduct, logger: Logger) =>
  (record: RouteRecord): Route | null => {
    const { id, access, permission, path } = record;
    const where = { path, isPublic: access === 'public' };
    const transform = record.transform ?? {};
    try {
      // What an older release let pass must not reach further than what this one would.
      const [fault] = findTransformFaults(transform, where);
      if (fault !== undefined) throw new RangeError(`${fault.path} ${fault.message}`);
      const compiled = record.transform === null ? UNCHANGED : compileTransform(transform, where);
      const endpoint: EndpointRecord = {
        name: id,
        method: record.methods[0] ?? 'GET',
        path: SHOWN_PATH,
        access: access === 'public' ? 'public' : 'principal',
        permission: (permission?.name as Permission | undefined) ?? null,
        reach: permission?.reach ?? null,
        idempotency: false,
        rateLimit: record.rateLimit,
        maxBodyBytes: record.maxBodyBytes,
        openapi: { path, method: 'get', operation: {} },
      };
      return {
        service: 'product',
        endpoint,
        state: new RouteState(endpoint),
        ...forward(record, compiled),
        isOperational: false,
        streamsBody: !compiled.mapsRequestBody,
        webSocket: record.webSocket,
      };
    } catch (error) {
      logger.error({ err: error, routeId: id }, 'a registered route cannot be used; it is not routed');
      return null;
    }
  };
