import type { EndpointRecord, InstanceRecord } from './registry.ts';

/**
 * A record as a process keeps it. Instances of one service register the same endpoints, each of them again after every
 * restart and every reconnection: what is the same is kept once, so that it can also be compared at a glance.
 */
export function keepRecord(record: InstanceRecord, known: ReadonlyMap<string, InstanceRecord>): InstanceRecord {
  const endpoints = record.endpoints.map(withText);
  for (const other of known.values())
    if (other.service === record.service && isSame(other.endpoints, endpoints))
      return { ...record, endpoints: other.endpoints };
  return { ...record, endpoints };
}

const withText = (endpoint: EndpointRecord): EndpointRecord =>
  typeof endpoint.openapi === 'string' ? endpoint : { ...endpoint, openapi: JSON.stringify(endpoint.openapi) };

const isSame = (some: readonly EndpointRecord[], others: readonly EndpointRecord[]): boolean =>
  some.length === others.length &&
  some.every((endpoint, index) => JSON.stringify(endpoint) === JSON.stringify(others[index]));
