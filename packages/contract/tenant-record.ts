import type { Static } from 'typebox';
import { Type } from 'typebox';
import { endpoint } from './endpoint.ts';
import { Closed, CurrencySchema, IdSchema, OneOf } from './schemas.ts';

/** What every process knows of every tenant. Users owns it and pushes it; nobody keeps it in a database of their own. */
export const TenantRecordSchema = Closed({
  id: IdSchema('ten'),
  slug: Type.String(),
  name: Type.String(),
  status: OneOf(['trial', 'active', 'suspended', 'closed']),
  country: Type.String(),
  currency: CurrencySchema,
  /** IANA name; calendars and the year of an invoice number follow it. */
  timeZone: Type.String(),
  mode: OneOf(['live', 'test']),
  tax: Closed({ registered: Type.Boolean(), npwp: Type.Union([Type.String(), Type.Null()]) }),
  /** Grows with every change: an older record never replaces a newer one. */
  version: Type.Integer(),
});

export type TenantRecord = Static<typeof TenantRecordSchema>;

export const TENANTS_BUCKET = { bucket: 'tenants' } as const;

/** Reads through for a tenant that the push has not brought yet. */
export const readTenantRecord = endpoint({
  name: 'users.read-tenant-record',
  method: 'GET',
  path: '/internal/tenants/:tenantId',
  summary: 'The directory record of one tenant',
  access: 'services',
  callers: 'any',
  params: Closed({ tenantId: IdSchema('ten') }),
  response: TenantRecordSchema,
});
