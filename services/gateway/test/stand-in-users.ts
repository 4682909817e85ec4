import { readSessionStanding } from '@tenantry/contract/session-standing.ts';
import { readTenantRecord, type TenantRecord } from '@tenantry/contract/tenant-record.ts';
import { notFound } from '@tenantry/kernel/problems.ts';
import { type Route, serve } from '@tenantry/kit/http/route.ts';

/**
 * What gateways ask users: about tenants that have not been pushed to them yet, and about sessions after a second in which
 * they heard no feed, as happens on a busy machine to a gateway that stands still for that long.
 */
export const standInUsers = (tenants: ReadonlyMap<string, TenantRecord>): readonly Route[] => [
  serve(readTenantRecord, async ({ params }) => {
    const record = tenants.get(params.tenantId);
    if (record === undefined) throw notFound('There is no such tenant.');
    return record;
  }),
  serve(readSessionStanding, async () => ({ standing: 'valid' as const })),
];
