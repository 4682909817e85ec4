import type { Permission, Reach } from '@tenantry/contract/endpoint.ts';
import type { RouteCounts } from '@tenantry/kit/http/request-counts.ts';
import type { EndpointRecord } from '@tenantry/mesh/registry.ts';
import type { Policy } from '../limits/decision.ts';
import { Baseline } from '../overload/baseline.ts';

const needs = new Map<string, string>();

/** One and the same string for all routes that need the same: two of them would have to be compared letter by letter. */
function needOf(permission: Permission, reach: Reach): string {
  const need = `${permission}@${reach}`;
  const known = needs.get(need);
  if (known !== undefined) return known;
  needs.set(need, need);
  return need;
}

/**
 * What the gateway has worked out about one route, and what it has seen of it. All of it lies together: of twenty
 * thousand routes hardly any is in the processor's cache, and what is looked up elsewhere costs a request more misses.
 */
export class RouteState {
  /** As limits of plans name it. */
  readonly name: string;
  /** Permission and reach; null for who needs none. Kept as one word, by which tokens keep the answers. */
  readonly need: string | null;
  /** The pattern as JSON, for the access log. */
  readonly quotedPath: string;
  /** The endpoint's own limit. */
  readonly ownPolicy: Policy | null;
  /** How long it usually takes. */
  readonly baseline = new Baseline();
  /** Of the endpoint's own method; made with the first answer. */
  counts: RouteCounts | null = null;

  constructor({ name, method, path, permission, reach, rateLimit }: EndpointRecord) {
    this.name = `${method} ${path}`;
    this.need = permission === null || reach === null ? null : needOf(permission, reach);
    this.quotedPath = JSON.stringify(path);
    this.ownPolicy = rateLimit === null ? null : { name, ...rateLimit };
  }
}
