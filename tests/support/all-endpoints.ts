import { readdirSync } from 'node:fs';
import { deadLetterEndpoints } from '@tenantry/contract/dead-letters.ts';
import type { Endpoint } from '@tenantry/contract/endpoint.ts';
import { readSessionStanding } from '@tenantry/contract/session-standing.ts';
import { readTenantRecord } from '@tenantry/contract/tenant-record.ts';
import { SERVICES_WITH_SCHEMA } from '@tenantry/deploy/migrate/migrate.ts';

const SERVICES = ['users', 'subscriptions', 'payments', 'notifications', 'billing', 'gateway', 'hub'] as const;
const ROOT = new URL('../../services/', import.meta.url);

const isEndpoint = (value: unknown): value is Endpoint =>
  typeof value === 'object' &&
  value !== null &&
  'method' in value &&
  'path' in value &&
  'access' in value &&
  'problems' in value;

/** What only processes of the house ask of the hub has paths that the gateway answers itself; the hub's tests walk it. */
const isWalked = ({ name, access }: Endpoint): boolean => !name.startsWith('hub.') || access !== 'services';

/** Every endpoint of every service, found in the contract folders: a new one is walked by the tests without being told. */
export async function allEndpoints(): Promise<readonly Endpoint[]> {
  const found = new Map<string, Endpoint>([
    [readTenantRecord.name, readTenantRecord as Endpoint],
    [readSessionStanding.name, readSessionStanding as Endpoint],
  ]);
  for (const service of SERVICES_WITH_SCHEMA)
    for (const value of Object.values(deadLetterEndpoints(service))) found.set(value.name, value as Endpoint);
  for (const service of SERVICES) {
    const folder = new URL(`${service}/contract/`, ROOT);
    for (const file of readdirSync(folder)) {
      const exported = (await import(new URL(file, folder).href)) as Record<string, unknown>;
      for (const value of Object.values(exported))
        if (isEndpoint(value) && isWalked(value)) found.set(value.name, value);
    }
  }
  return [...found.values()].toSorted((a, b) => a.name.localeCompare(b.name));
}
