import type { EventEnvelope } from '@tenantry/contract/event.ts';
import type { TenantId } from '@tenantry/kernel/id.ts';

/** Names on NATS. A namespace keeps the tests of one machine apart; it is empty in a real system. */
const prefixed = (namespace: string, name: string, separator: string): string =>
  namespace === '' ? name : `${namespace}${separator}${name}`;

/** One stream per domain. */
export const streamName = (namespace: string, service: string): string => prefixed(namespace, `evt_${service}`, '_');

export const streamSubjects = (namespace: string, service: string): string =>
  prefixed(namespace, `evt.${service}.>`, '.');

type Addressed = Pick<EventEnvelope, 'type' | 'tenantid' | 'redrivefor'>;

/**
 * `evt.<type>.<tenant>`; of one that is redriven `evt.<service>.<aggregate>.redriven.<consumer>.<tenant>`, as it is for nobody
 * else. Tenant ids are TypeIDs, so no subject token can smuggle a wildcard.
 */
export function eventSubject(namespace: string, { type, tenantid, redrivefor }: Addressed): string {
  if (redrivefor === undefined) return prefixed(namespace, `evt.${type}.${tenantid}`, '.');
  const [service, aggregate] = type.split('.');
  return prefixed(namespace, `evt.${service}.${aggregate}.redriven.${redrivefor}.${tenantid}`, '.');
}

/** Of one type, of every tenant. */
export const typeSubjects = (namespace: string, type: string): string => prefixed(namespace, `evt.${type}.*`, '.');

export const redrivenSubjects = (namespace: string, service: string, aggregate: string, consumer: string): string =>
  prefixed(namespace, `evt.${service}.${aggregate}.redriven.${consumer}.*`, '.');

export const aggregateSubjects = (namespace: string, service: string, aggregate: string): string =>
  prefixed(namespace, `evt.${service}.${aggregate}.>`, '.');

/** Which service's stream this is; null for one that is not of events, or of another namespace. */
export function serviceOfStream(namespace: string, name: string): string | null {
  const prefix = streamName(namespace, '');
  return name.startsWith(prefix) ? name.slice(prefix.length) : null;
}

export const allEventSubjects = (namespace: string): string => prefixed(namespace, 'evt.>', '.');

/** Service, aggregate, what happened, version. */
const TYPE_TOKENS = 4;

/** No event, and kept nowhere: tells whoever leads the relay of a service that there is something in its outbox. */
export const outboxPokeSubject = (namespace: string, service: string): string =>
  prefixed(namespace, `poke.outbox.${service}`, '.');

/** Of one tenant, in the stream of one service. @param type a whole type or the beginning of one, up to a dot */
export function tenantSubjects(namespace: string, type: string, tenantId: TenantId): string {
  const tokens = type.split('.');
  const rest = Array.from({ length: TYPE_TOKENS - tokens.length }, () => '*');
  return prefixed(namespace, ['evt', ...tokens, ...rest, tenantId].join('.'), '.');
}

export const bucketName = (namespace: string, bucket: string): string => prefixed(namespace, bucket, '_');
