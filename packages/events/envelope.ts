import type { EventEnvelope } from '@tenantry/contract/event.ts';
import { isId } from '@tenantry/kernel/id.ts';

/**
 * What arrived, if it is an event. An id or a tenant that is none would be refused by the database at every attempt, and
 * there would be no tenant to keep its dead letter.
 */
export function parseEnvelope(bytes: Uint8Array): EventEnvelope | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
  return isEnvelope(value) ? value : null;
}

const isEnvelope = (value: unknown): value is EventEnvelope =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  typeof value.id === 'string' &&
  isId('evt', value.id) &&
  'tenantid' in value &&
  typeof value.tenantid === 'string' &&
  isId('ten', value.tenantid) &&
  'type' in value &&
  typeof value.type === 'string' &&
  'subject' in value &&
  typeof value.subject === 'string' &&
  'traceparent' in value &&
  typeof value.traceparent === 'string' &&
  (!('redriveof' in value) || (typeof value.redriveof === 'string' && isId('evt', value.redriveof))) &&
  (!('redrivefor' in value) || typeof value.redrivefor === 'string') &&
  'data' in value;
