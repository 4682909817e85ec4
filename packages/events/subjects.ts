import type { EventEnvelope } from '@tenantry/contract/event.ts';

/** Names on NATS. A namespace keeps the tests of one machine apart; it is empty in a real system. */
const prefixed = (namespace: string, name: string, separator: string): string =>
  namespace === '' ? name : `${namespace}${separator}${name}`;

/** One stream per domain. */
export const streamName = (namespace: string, service: string): string => prefixed(namespace, `evt_${service}`, '_');

export const streamSubjects = (namespace: string, service: string): string =>
  prefixed(namespace, `evt.${service}.>`, '.');

/** `evt.<type>.<tenant>`; tenant ids are TypeIDs, so no subject token can smuggle a wildcard. */
export const eventSubject = (namespace: string, envelope: Pick<EventEnvelope, 'type' | 'tenantid'>): string =>
  prefixed(namespace, `evt.${envelope.type}.${envelope.tenantid}`, '.');

export const aggregateSubjects = (namespace: string, service: string, aggregate: string): string =>
  prefixed(namespace, `evt.${service}.${aggregate}.>`, '.');

export const bucketName = (namespace: string, bucket: string): string => prefixed(namespace, bucket, '_');
